# SPDX-License-Identifier: Apache-2.0
"""The generated folder as its users meet it: any compiler, C++, CMake, two models in one program, hostile names."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smidgen.build.toolchain import WARNINGS
from smidgen.codegen import Sources
from smidgen.compiler import Compiled
from smidgen.compiler import compile as compile_model
from smidgen.ir import Graph, TensorType, Value, evaluate
from smidgen.kernels import function_name
from smidgen.ops import Concat, Quantize, Requantize
from smidgen.verify import random_inputs
from tests.generated import build_program, run_program
from tests.graphs import Net, Q, everything, int8, quant

ZIG = (sys.executable, "-m", "ziglang")
STRICT = (
    *WARNINGS,
    "-Wshadow",
    "-Wpedantic",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-std=c11",
    "-ffreestanding",
)


def write(sources: Sources, folder: Path) -> Path:
    for path, text in {**sources.files, **sources.extras}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def units(sources: Sources) -> list[str]:
    return sorted(p for p in sources.files if p.endswith(".c"))


def compilers() -> list[tuple[str, ...]]:
    return [(*ZIG, "cc"), ("gcc",), ("arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")]


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_model(everything())


@pytest.mark.slow
@pytest.mark.parametrize("compiler", compilers(), ids=lambda c: "zig" if "ziglang" in c else c[0])
def test_no_warning_from_any_compiler(compiled: Compiled, compiler: tuple[str, ...], tmp_path: Path) -> None:
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"{compiler[0]} is not installed")
    write(compiled.sources, tmp_path)
    for unit in [*units(compiled.sources), "main.c"]:
        run(*compiler, "-O2", *STRICT, "-I.", "-c", unit, "-o", "unit.o", cwd=tmp_path)


def test_header_is_cpp(compiled: Compiled, tmp_path: Path) -> None:
    write(compiled.sources, tmp_path)
    (tmp_path / "user.cpp").write_text(
        '#include "smg_everything.h"\n'
        "int8_t use(float *y) { static int8_t q[SMG_EVERYTHING_OUTPUT_0_COUNT];\n"
        "  smg_everything_run(y, q, q, y); return smg_everything_quantize_output_0(*smg_everything_input_0()); }\n"
    )
    for standard in ("c++11", "c++20"):
        flags = ("-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wpedantic", f"-std={standard}")
        run(*ZIG, "c++", *flags, "-c", "user.cpp", "-o", "user.o", cwd=tmp_path)


@pytest.mark.slow
def test_cpp_program_links(tmp_path: Path) -> None:
    n = Net("one")
    x = Value("x", int8(1, 8))
    sources = compile_model(n.graph([x], [n.apply(Concat(1), x, x)])).sources
    write(sources, tmp_path)
    objects = []
    for unit in units(sources):
        objects.append(f"{Path(unit).stem}.o")
        run(*ZIG, "cc", "-I.", "-c", unit, "-o", objects[-1], cwd=tmp_path)
    text = "int main() { int8_t x[8] = {5}, y[16]; smg_one_run(x, y); return y[8] - 5; }\n"
    (tmp_path / "main.cpp").write_text(f'#include "smg_one.h"\n{text}')
    run(*ZIG, "c++", "-c", "main.cpp", "-o", "main.o", cwd=tmp_path)
    run(*ZIG, "cc", "main.o", *objects, "-o", "program", cwd=tmp_path)  # zig c++ would first build libc++
    run("./program", cwd=tmp_path)


@pytest.mark.slow
def test_uint8_tensors(tmp_path: Path) -> None:
    """Kernels know bytes as int8_t; the user sees uint8_t."""
    n = Net("bytes")
    x = Value("x", TensorType("uint8", (1, 300), quant(0.05, 128)))
    graph = n.graph([x], [n.apply(Requantize(Q, "int8"), x), n.apply(Requantize(quant(0.1, 7), "uint8"), x)])
    compiled = compile_model(graph)
    assert "smg_bytes_run(const uint8_t *input, int8_t *output_0, uint8_t *output_1);" in " ".join(
        compiled.sources.files["smg_bytes.h"].split()
    )
    cases = list(random_inputs(graph, 5))
    program = build_program(compiled, tmp_path, "undefined")
    for case, got in zip(cases, run_program(program, compiled, cases), strict=True):
        for want, y in zip(evaluate(graph, case), got, strict=True):
            np.testing.assert_array_equal(y, want)


@pytest.mark.slow
def test_example_runs(compiled: Compiled, tmp_path: Path) -> None:
    write(compiled.sources, tmp_path)
    assert len(compiled.sources.extras["main.c"].splitlines()) <= 30
    run(*ZIG, "cc", *STRICT, "-I.", *units(compiled.sources), "main.c", "-o", "example", cwd=tmp_path)
    run("./example", cwd=tmp_path)


@pytest.mark.slow
def test_cmake(compiled: Compiled, tmp_path: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not on PATH (pip install cmake)")
    write(compiled.sources, tmp_path)
    zig = tmp_path / "zig-cc"
    zig.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ziglang cc "$@"\n')
    zig.chmod(0o755)
    run("cmake", "-B", "build", f"-DCMAKE_C_COMPILER={zig}", f"-DCMAKE_C_FLAGS={' '.join(WARNINGS)}", cwd=tmp_path)
    run("cmake", "--build", "build", cwd=tmp_path)
    run("build/smg_everything_example", cwd=tmp_path)


@pytest.mark.slow
def test_two_models_in_one_program(tmp_path: Path) -> None:
    """Kernel files are shared, all else is apart, even where model and tensor make the same name."""
    models = [compile_model(everything("a", table="b_table")), compile_model(everything("a_b"))]
    for c in models:
        write(c.sources, tmp_path)  # the same kernel files: written twice, the same
    cases = [list(random_inputs(c.graph, 4, seed))[3] for seed, c in enumerate(models)]
    first = models[0].sources
    both = replace(first, files={**models[1].sources.files, **first.files})
    for c, case in zip(models, cases, strict=True):
        program = build_program(c, tmp_path / c.graph.name, "none", replace(both, name=f"both_{c.graph.name}"))
        (got,) = run_program(program, c, [case])
        for want, y in zip(evaluate(c.graph, case), got, strict=True):
            np.testing.assert_array_equal(y, want)


@pytest.mark.slow
def test_public_symbols_start_with_the_model(compiled: Compiled, tmp_path: Path) -> None:
    write(compiled.sources, tmp_path)
    kernels = {function_name(s.choice.kernel, s.node) for s in compiled.schedule.steps}
    for unit in units(compiled.sources):
        run(*ZIG, "cc", "-I.", "-O1", "-c", unit, "-o", "unit.o", cwd=tmp_path)
        from elftools.elf.elffile import ELFFile

        with (tmp_path / "unit.o").open("rb") as stream:
            table = ELFFile(stream).get_section_by_name(".symtab")
            names = [
                s.name
                for s in table.iter_symbols()
                if s["st_info"]["bind"] == "STB_GLOBAL" and s["st_shndx"] != "SHN_UNDEF"
            ]
        assert names
        assert all(n in kernels if unit.startswith("kernels/") else n.startswith("smg_everything_") for n in names)


def hostile(text: str) -> Graph:
    """A graph whose sources have a nasty name; tensor names are identifiers already, but C knows some of them."""
    n = Net("int", loc=text)
    x = Value("input", int8(1, 8))
    y = n.apply(Concat(1), x, n.constant("run", int8(1, 8)), name="main")
    y = n.apply(Concat(1), y, n.constant("arena", int8(1, 8)), name="output")
    return n.graph([x], [n.apply(Concat(1), y, n.constant("int8_t", int8(1, 8)), name="copy")])


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "*/ #error /*",
        "/**/*/",
        "ends with \\",
        "trigraph ??/",
        "日本/",
        "a\nb\r\"'`|<b>",
        pytest.param("\udcff", id="undecodable"),
        "// x",
        "@prefix@",
        "%s%n",
    ],
)
def test_hostile_names(text: str, tmp_path: Path) -> None:
    from smidgen.codegen import Origin, emit

    compiled = compile_model(hostile(text))
    sources, _ = emit(compiled.schedule, Origin(text, "0" * 64, "1"))
    write(sources, tmp_path)
    for unit in ["smg_int.c", "smg_int_weights.c", "main.c"]:
        run(*ZIG, "cc", *STRICT, "-I.", "-c", unit, "-o", "unit.o", cwd=tmp_path)
    for path, body in {**sources.files, **sources.extras}.items():
        if path.startswith("smg_") or path == "main.c":
            assert body.isascii(), path
    rows = [line for line in sources.extras["README.md"].splitlines() if line.startswith("| 0 |")]
    assert len(rows) == 1
    assert rows[0].count("|") == 6
    assert json.loads(sources.extras["manifest.json"])["model"]["source"] == text


def test_lines_are_readable() -> None:
    compiled = compile_model(hostile("a long source " * 20))
    files = {**compiled.sources.files, **compile_model(everything()).sources.files, **compiled.sources.extras}
    for path, text in files.items():
        if path.endswith((".c", ".h")) and not path.startswith("kernels/"):
            assert max(map(len, text.splitlines())) <= 120, path
        assert not re.search(r"[ \t]+$", text, re.M), path
        assert text.endswith("\n"), path


def test_every_call_says_where_it_comes_from(compiled: Compiled) -> None:
    text = compiled.sources.files["smg_everything.c"]
    for step in compiled.schedule.steps:
        called = function_name(step.choice.kernel, step.node)
        before = text[: text.index(f"\n    {called}(&params_{step.name},")]
        banner = before[before.rindex("/*") :]
        assert step.node.loc in " ".join(banner.replace("*", "").split())
        assert ",".join(map(str, step.node.output.type.shape)) in banner
        assert step.choice.kernel.symbol in banner


def test_no_heap_no_stdio(compiled: Compiled) -> None:
    for path, text in compiled.sources.files.items():
        includes = set(re.findall(r"#include <(.*)>", text))
        assert includes <= {"stdint.h", "stddef.h", "arm_acle.h"}, path
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        assert not re.search(r"\b(malloc|free|printf|alloca|setjmp)\b", code), path
        assert not re.search(r"\b_[A-Z]\w*\b(?<!_Alignas)(?<!_Static_assert)", code), path


_DIGEST = """
import sys
from smidgen.compiler import compile
from tests.graphs import everything
from smidgen.zoo.topologies import SYNTHETIC
print(compile(everything()).sources.digest, compile(SYNTHETIC["kws"]()).sources.digest)
"""


@pytest.mark.slow
def test_same_bytes_in_every_process() -> None:
    digests = set()
    for seed in ("0", "1", "31337"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", _DIGEST]
        digests.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(digests) == 1


_HELPERS = """#include <stdio.h>
#include "smg_{name}.h"
int main(void) {{
    float x;
    while (fread(&x, 4, 1, stdin) == 1) {{
        const int8_t q = smg_{name}_quantize_input(x);
        const float back = smg_{name}_dequantize_input(q);
        if (fwrite(&q, 1, 1, stdout) != 1 || fwrite(&back, 4, 1, stdout) != 1) return 1;
    }}
    return 0;
}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("numerics", ["tflm-int8.v1", "onnx-qdq.v1"])
def test_helpers_are_quantize_and_dequantize(numerics: str, tmp_path: Path) -> None:
    n = Net("q")
    x = Value("x", int8(1, 8))
    graph = replace(n.graph([x], [n.apply(Concat(1), x, x)]), numerics=numerics)
    compiled = compile_model(graph)
    write(compiled.sources, tmp_path)
    (tmp_path / "helpers.c").write_text(_HELPERS.format(name="q"))
    run(
        *ZIG,
        "cc",
        "-Werror",
        "-Wall",
        "-Wextra",
        "-fsanitize=undefined",
        "-I.",
        "helpers.c",
        "-o",
        "helpers",
        cwd=tmp_path,
    )
    scale = np.float32(Q.scale[0])
    ties = (np.arange(-300, 301, dtype=np.float32) + np.float32(0.5)) * scale
    values = np.concatenate([
        ties, np.nextafter(ties, np.float32(np.inf)), np.nextafter(ties, np.float32(-np.inf)),
        np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e38, -1e38, 1e-45, 0.49999997 * scale], np.float32),
        np.random.default_rng(0).normal(0, 4, 2000).astype(np.float32),
    ])  # fmt: skip
    raw = subprocess.run([tmp_path / "helpers"], input=values.tobytes(), capture_output=True, check=True).stdout
    got = np.frombuffer(raw, np.dtype([("q", "i1"), ("back", "<f4")]))
    rounding = "even" if numerics == "onnx-qdq.v1" else "double"
    (want,) = Quantize(Q, rounding=rounding).evaluate([TensorType("float32", values.shape)], [values])
    np.testing.assert_array_equal(got["q"], want)
    np.testing.assert_array_equal(got["back"], (want.astype(np.float64) - Q.zero_point[0]).astype(np.float32) * scale)


@pytest.mark.slow
def test_accessors_are_the_arena_slots(compiled: Compiled, tmp_path: Path) -> None:
    """Running on the arena's own buffers, floats included, gives what running on the caller's gives."""
    from smidgen.build.host import build_host

    main = """#include <stdio.h>
#include "smg_everything.h"
int main(void) {
    if (fread(smg_everything_input_0(), SMG_EVERYTHING_INPUT_0_BYTES, 1, stdin) != 1) return 1;
    if (fread(smg_everything_input_1(), SMG_EVERYTHING_INPUT_1_BYTES, 1, stdin) != 1) return 1;
    smg_everything_run(smg_everything_input_0(), smg_everything_input_1(), smg_everything_output_0(),
                       smg_everything_output_1());
    if (fwrite(smg_everything_output_0(), SMG_EVERYTHING_OUTPUT_0_BYTES, 1, stdout) != 1) return 1;
    return fwrite(smg_everything_output_1(), SMG_EVERYTHING_OUTPUT_1_BYTES, 1, stdout) != 1;
}
"""
    program = build_host(compiled.sources, "executable", work_dir=tmp_path, sanitize="undefined", extra={"m.c": main})
    case = list(random_inputs(compiled.graph, 4))[3]
    (got,) = run_program(program, compiled, [case])
    for want, y in zip(evaluate(compiled.graph, case), got, strict=True):
        np.testing.assert_array_equal(y, want)
