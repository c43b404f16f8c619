# SPDX-License-Identifier: Apache-2.0
"""Every rule that a submission is checked against: why it holds, and what to do where it is broken."""

from __future__ import annotations

from smidgen.mlperf.submission.findings import Rule

_OFFICIAL = True
_OURS = False
_AGAIN = "run that mode again and replace its folder as the runner wrote it"

LAYOUT = (
    Rule("unreadable", "error", _OURS, "what cannot be read cannot be reviewed", "fix the permissions or the path"),
    Rule("nothing-here", "error", _OURS, "there is no result to check", "name the folder with closed/ and open/ in it"),
    Rule(
        "division-folder", "error", _OFFICIAL, "the top of the tree holds closed/ and open/ only",
        "move it into one of them, or away",
    ),
    Rule("no-results", "error", _OURS, "a submitter's folder holds systems/, code/ and results/", "add results/"),
    Rule(
        "not-a-folder", "error", _OURS, "the directory structure has a folder of this name", "put a folder in its place"
    ),
    Rule("stray-file", "warning", _OURS, "files lie in the folders of modes only", "move it to code/, or away"),
    Rule(
        "symlink", "error", _OFFICIAL, "the official checker drops a submitter with symbolic links",
        "replace the link by what it points at",
    ),
    Rule(
        "file-too-large", "error", _OFFICIAL, "the official checker drops a submitter with a file over 500 MB",
        "leave it out",
    ),
    Rule("special-file", "error", _OURS, "only plain files can be reviewed", "remove it"),
    Rule("hidden-file", "warning", _OFFICIAL, "names that start with a dot are unfriendly to git", "remove it"),
    Rule("space-in-name", "warning", _OFFICIAL, "names with spaces break scripts", "use _ or -"),
    Rule(
        "odd-name", "warning", _OURS, "the name holds control characters or is no UTF-8: git and CSV mangle it",
        "rename it",
    ),
    Rule("pycache", "error", _OFFICIAL, "the official checker drops a submitter with __pycache__", "remove it"),
    Rule(
        "empty-folder", "error", _OFFICIAL, "the official checker drops a submitter with empty folders", "remove it"
    ),
    Rule(
        "layout-nested", "error", _OFFICIAL, "results lie in results/<system>/<benchmark>/<mode>, no deeper",
        "move the folders up",
    ),
    Rule(
        "benchmark-name", "error", _OFFICIAL, "a closed result is of one of the round's benchmarks, by its short name",
        "rename the folder, or leave it out",
    ),
    Rule("ic2-without-ic", "error", _OFFICIAL, "ic2 counts only beside ic of the same system", "add ic"),
    Rule(
        "mode-missing", "error", _OFFICIAL, "a result needs an accuracy and a performance run",
        "run `smidgen bench` in that mode and add its folder",
    ),
    Rule(
        "mode-folder", "warning", _OURS, "the official checker looks at accuracy/, performance/ and energy/ only",
        "rename it",
    ),
    Rule("file-missing", "error", _OFFICIAL, "the round asks for this file of the runner", _AGAIN),
    Rule(
        "file-extra", "warning", _OFFICIAL, "the official checker reports files it does not expect", "remove it"
    ),
    Rule("file-name", "error", _OFFICIAL, "the checkers since v1.0 find files without a prefix only",
        "rename it as the runner named it"),
    Rule("file-empty", "error", _OURS, "an empty file proves nothing", _AGAIN),
    Rule("file-broken", "error", _OURS, "what the runner wrote can be read back", _AGAIN),
    Rule(
        "runner-marker", "error", _OFFICIAL, "EEMBC_RUNNER in the benchmark's folder tells whose files to expect",
        "add an empty file EEMBC_RUNNER there if EnergyRunner was used, and only then",
    ),
    Rule(
        "runner-not-accepted", "error", _OURS, "EnergyRunner's results are taken up to v1.3, the Python runner's since",
        "measure with the runner of the round",
    ),
    Rule("code-missing", "error", _OURS, "closed and open results come with their code", "add code/ with a README"),
    Rule(
        "checklist-missing", "error", _OURS, "the submission checklist is required",
        "add the filled TinyMLPerf_<round>_Submission_Checklist.pdf to systems/ (smidgen submit drafts it)",
    ),
    Rule("checklist-format", "note", _OURS, "the official checklist is a PDF", "print it to PDF"),
    Rule(
        "checklist-unfinished", "error", _OURS, "every question of the checklist is to be answered",
        "answer what is marked TO FILL",
    ),
    Rule(
        "hookup-missing", "error", _OURS, "energy results come with Energy-Hookup.pdf in systems/",
        "draw or photograph the wiring: supply, level shifters, cut jumpers",
    ),
)  # fmt: skip

SYSTEM = (
    Rule(
        "system-missing", "error", _OFFICIAL, "each folder in results/ has a description of its name in systems/",
        "add systems/<system>.json, spelled as the folder",
    ),
    Rule("system-broken", "error", _OFFICIAL, "the description is a JSON object", "mend it"),
    Rule(
        "system-status", "error", _OFFICIAL, "Status is Available, Preview or RDI (text, in any case)", "correct it"
    ),
    Rule(
        "system-type", "error", _OFFICIAL, "the official checker stops at a key system_type", "remove the key"
    ),
    Rule(
        "system-key-missing", "warning", _OURS, "the template has this key", "add it, empty if it does not apply"
    ),
    Rule("system-key-unknown", "note", _OURS, "the template has no such key; no report shows it", "use the template's"),
    Rule("system-value-type", "warning", _OURS, "values are text; reports print others raw", "write it as text"),
    Rule("system-value-empty", "warning", _OURS, "reports show this value", "fill it in"),
    Rule("system-unfinished", "error", _OURS, "every key is to be filled in", "replace what is marked TO FILL"),
    Rule("system-division", "error", _OURS, "the description says which division it is for", "move it or correct it"),
    Rule("system-submitter", "note", _OURS, "the description names the submitter", "spell both alike"),
    Rule("system-unused", "note", _OURS, "a description without results is not shown", "remove it or add results"),
    Rule(
        "modelled", "error", _OURS, "results of a virtual board are no measurements: no round takes them",
        "measure on the board; keep this tree as a rehearsal",
    ),
)  # fmt: skip

RUNS = (
    Rule("no-median", "error", _OFFICIAL, "the checker takes the last `Median throughput is` line", _AGAIN),
    Rule("windows", "error", _OURS, "a run has five measured windows (rules, run and measurement)", _AGAIN),
    Rule(
        "window-too-short", "error", _OURS, "each window lasts at least 10 s (rules; the official checker never looks)",
        "raise the number of inferences and run again",
    ),
    Rule(
        "window-too-few", "error", _OURS, "each window has at least 10 inferences", "raise their number and run again"
    ),
    Rule("median-printed", "error", _OURS, "the median printed is that of the windows printed", _AGAIN),
    Rule("median-log", "error", _OURS, "the median printed is that of the windows in the log", _AGAIN),
    Rule("windows-log", "error", _OURS, "results.txt holds the windows of the log", _AGAIN),
    Rule("runner-error", "error", _OURS, "the runner itself called the run invalid", _AGAIN),
    Rule(
        "wrong-mode", "error", _OURS, "performance and accuracy use the performance build, energy the other",
        "flash the build of that mode and run again",
    ),
    Rule("wrong-model", "error", _OURS, "the device says which model it runs (m-model)", "flash the right firmware"),
    Rule(
        "wrong-vendor", "warning", _OURS, "the runs of a benchmark come from one device", "run all modes on one device"
    ),
    Rule(
        "same-inputs", "warning", _OURS, "the windows run on the first five files of the set, one each", _AGAIN
    ),
    Rule("script-log", "warning", _OURS, "the script is the one that the log shows", _AGAIN),
    Rule(
        "build-mismatch", "warning", _OURS, "one code for all modes: equal inputs give equal scores",
        "run all modes with the same build; if the input is overwritten between inferences, say so in the notes",
    ),
    Rule(
        "dataset-old", "warning", _OURS, "ic is measured on the balanced 200 images since v0.7",
        "take the current ic01 files and run accuracy again",
    ),
    Rule(
        "dataset-alternative", "note", _OURS, "ad has a second list of 72 recordings, accepted since v1.2",
        "say in the checklist which list was used",
    ),
    Rule("dataset-unknown", "warning", _OURS, "the files are none of the benchmark's data set", "use the official set"),
    Rule("no-accuracy", "error", _OFFICIAL, "the checker takes the last `Top-1` or `AUC` line", _AGAIN),
    Rule(
        "target-missed", "error", _OFFICIAL, "closed results reach the quality target, as printed",
        "quantise with more care, or submit to open",
    ),
    Rule("accuracy-log", "error", _OURS, "the accuracy printed is that of the answers logged", _AGAIN),
    Rule("accuracy-unchecked", "note", _OURS, "the accuracy could not be computed again", "see what it says"),
    Rule("inputs-missing", "error", _OURS, "the accuracy run covers the whole set", _AGAIN),
    Rule("accuracy-iterations", "warning", _OURS, "accuracy runs use `infer 1 0`", _AGAIN),
    Rule("no-energy", "error", _OFFICIAL, "the checker takes the last `Median energy cost is` line", _AGAIN),
    Rule("energy-printed", "error", _OURS, "the median printed is that of the windows printed", _AGAIN),
    Rule("trace-missing", "error", _OURS, "energy comes with its trace", _AGAIN),
    Rule("trace-broken", "error", _OURS, "the trace can be read back", _AGAIN),
    Rule("energy-trace", "error", _OURS, "the energy printed is that of the trace", _AGAIN),
    Rule(
        "energy-speed", "warning", _OURS, "energy and performance run the same code at the same clock",
        "run both with one build and clock, or explain it in the notes",
    ),
    Rule("sww-lines", "error", _OFFICIAL, "sww needs throughput, accuracy and duty cycle printed", _AGAIN),
    Rule("sww-words", "error", _OFFICIAL, "the long recording has 50 wakewords", "play the official recording"),
    Rule("sww-recomputed", "error", _OURS, "what sww prints follows from what was recorded (2 s count)", _AGAIN),
)  # fmt: skip

RULES = (*LAYOUT, *SYSTEM, *RUNS)
