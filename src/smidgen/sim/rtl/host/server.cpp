/* SPDX-License-Identifier: Apache-2.0 */
/* Simulates one core from its RTL and obeys requests on stdin: memory, reset, runs to addresses, counters.
 *
 * Requests and replies are a header, little-endian, and as many bytes as it says. The other side is sim/rtl/server.py.
 * Every run ends at the moment an instruction executes and before it has taken effect; see the tops in ../hdl. */
#include <sys/mman.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "verilated.h"
#include "Vsmg.h"
#include "Vsmg___024root.h"

#ifdef SMG_EVALUATE
void SMG_EVALUATE(Vsmg___024root *root);
#endif

namespace {

constexpr uint32_t kMemoryBytes = 8u << 20; /* the tops decode the low 23 bits of an address */
constexpr uint64_t kPatienceCycles = 100000;
constexpr uint64_t kStop = 1ull << 63;

enum Request : uint32_t { kRegions = 1, kImage, kReset, kRun, kRead, kWrite, kStops, kCharges };

enum Status : uint32_t { kDone, kReached, kPaused, kInstructions, kBadLoad, kBadStore, kBadJump, kStalled, kRefused };

struct RequestHeader {
    uint32_t request, address, nbytes, spare;
    uint64_t instructions, cycles; /* of a run: ends at so many of the counter, or so many cycles from now */
};

struct ReplyHeader {
    uint32_t status, pc, sp, ra, address, nbytes;
    uint64_t instructions, cycles;
};

/* What happened at one address. */
struct Slot {
    uint64_t cycles;
    uint64_t times; /* executed; the top bit says that runs end here */
};

struct Segment {
    uint32_t address;
    std::vector<uint8_t> bytes;
};

struct Regions {
    uint32_t flash_base, flash_bytes, ram_base, ram_bytes;
};

class Simulation {
  public:
    Status reset();
    Status run(uint64_t instructions, uint64_t cycles);
    bool read(uint32_t address, uint32_t nbytes, std::vector<uint8_t> &bytes) const;
    bool write(uint32_t address, const std::vector<uint8_t> &bytes);
    bool set_stops(const std::vector<uint8_t> &addresses);
    bool charges(const std::vector<uint8_t> &ranges, std::vector<uint8_t> &sums) const;
    void describe(ReplyHeader &reply) const;

    Regions regions{};
    std::vector<Segment> image;

  private:
    void step();
    void settle();
    void clear_slots();
    void mark_stops();
    bool inside(uint32_t address, uint64_t nbytes) const;
    uint32_t offset(uint32_t address) const { return address - (regions.flash_base & ~(kMemoryBytes - 1)); }
    uint8_t *memory() const { return reinterpret_cast<uint8_t *>(&top_->rootp->SMG_WORDS[0]); }

    std::unique_ptr<VerilatedContext> context_;
    std::unique_ptr<Vsmg> top_;
    Slot *slots_ = nullptr;
    Slot *current_ = nullptr; /* of the instruction that executes now and is not counted yet */
    Slot *previous_ = nullptr;
    std::vector<uint32_t> stops_;
    uint64_t cycles_ = 0, event_ = 0, instructions_ = 0;
};

constexpr size_t kSlots = kMemoryBytes / 2;

void Simulation::settle() {
#ifdef SMG_EVALUATE
    SMG_EVALUATE(top_->rootp); /* spares what eval does for threads and messages, of which there are none */
#else
    top_->eval();
#endif
}

void Simulation::step() {
#ifdef SMG_LAST_CLOCK
    top_->rootp->SMG_LAST_CLOCK = 0; /* spares the evaluation at the falling edge, where nothing happens */
#else
    top_->clk = 0;
    settle();
#endif
    top_->clk = 1;
    settle();
}

void Simulation::clear_slots() {
    if (slots_ != nullptr) munmap(slots_, kSlots * sizeof(Slot));
    void *pages = mmap(nullptr, kSlots * sizeof(Slot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    slots_ = static_cast<Slot *>(pages);
    current_ = previous_ = nullptr;
    mark_stops();
}

void Simulation::mark_stops() {
    if (slots_ == nullptr) return;
    for (uint32_t address : stops_) slots_[offset(address) >> 1].times |= kStop;
}

/* A new model each time: what reset leaves alone in the RTL is then the same after every reset. */
Status Simulation::reset() {
    top_.reset();
    context_ = std::make_unique<VerilatedContext>();
    top_ = std::make_unique<Vsmg>(context_.get());
    memset(memory(), 0, kMemoryBytes);
    for (const Segment &segment : image)
        memcpy(memory() + (offset(segment.address) & (kMemoryBytes - 1)), segment.bytes.data(), segment.bytes.size());
    clear_slots();
    top_->flash_base = regions.flash_base;
    top_->flash_bytes = regions.flash_bytes;
    top_->ram_base = regions.ram_base;
    top_->ram_bytes = regions.ram_bytes;
    top_->rst_n = 0;
    top_->clk = 0;
    top_->eval();
    for (int i = 0; i < 16; i++) step();
    top_->clk = 0;
    top_->rst_n = 1;
    top_->eval();
    cycles_ = event_ = instructions_ = 0;
    Status status = run(0, 1);
    cycles_ = event_ = 0;
    if (previous_ != nullptr) *previous_ = Slot{0, previous_->times & kStop};
    return status == kReached || status == kPaused ? kDone : status;
}

/* Counters are those of what came before the instruction that the run ends at. */
Status Simulation::run(uint64_t instructions, uint64_t cycles) {
    const uint64_t until = cycles_ + cycles;
    const uint32_t window = regions.flash_base & ~(kMemoryBytes - 1);
    if (current_ != nullptr) {
        current_->times++;
        instructions_++;
        current_ = nullptr;
    }
    for (;;) {
        step();
        cycles_++;
        if (top_->executes) {
            const uint32_t at = top_->pc - window;
            if (at >= kMemoryBytes) return kBadJump;
            Slot *slot = slots_ + (at >> 1);
            Slot *charged = SMG_CHARGES_PREVIOUS && previous_ != nullptr ? previous_ : slot;
            charged->cycles += cycles_ - event_;
            previous_ = slot;
            event_ = cycles_;
            if (top_->fault) {
                current_ = slot;
                return top_->fault_is_store ? kBadStore : kBadLoad;
            }
            if ((slot->times & kStop) != 0 || cycles_ >= until || instructions_ == instructions) {
                current_ = slot;
                return (slot->times & kStop) != 0 ? kReached : cycles_ >= until ? kPaused : kInstructions;
            }
            slot->times++;
            instructions_++;
        } else if (top_->fault) {
            return top_->fault_is_store ? kBadStore : kBadLoad;
        } else if (cycles_ - event_ > kPatienceCycles) {
            return kStalled;
        }
    }
}

bool Simulation::inside(uint32_t address, uint64_t nbytes) const {
    return static_cast<uint64_t>(offset(address)) + nbytes <= kMemoryBytes;
}

bool Simulation::read(uint32_t address, uint32_t nbytes, std::vector<uint8_t> &bytes) const {
    if (top_ == nullptr || !inside(address, nbytes)) return false;
    bytes.assign(memory() + offset(address), memory() + offset(address) + nbytes);
    return true;
}

#ifdef SMG_DATA_TAGS
/* Drops the line of a 4 KiB direct-mapped cache of 32-byte lines that holds these bytes. A tag is address bits 31..12,
 * an error bit and, lowest, the valid bit. */
template <typename Tags> void drop_lines(Tags &tags, uint32_t address, uint32_t nbytes) {
    const uint64_t end = static_cast<uint64_t>(address) + nbytes;
    for (uint64_t line = address & ~31u; line < end; line += 32) {
        auto &tag = tags[line >> 5 & 127];
        if (tag >> 2 == line >> 12) tag &= ~1u;
    }
}
#endif

bool Simulation::write(uint32_t address, const std::vector<uint8_t> &bytes) {
    if (top_ == nullptr || !inside(address, bytes.size())) return false;
    memcpy(memory() + offset(address), bytes.data(), bytes.size());
#ifdef SMG_DATA_TAGS
    drop_lines(top_->rootp->SMG_DATA_TAGS, address, static_cast<uint32_t>(bytes.size()));
    drop_lines(top_->rootp->SMG_INSTRUCTION_TAGS, address, static_cast<uint32_t>(bytes.size()));
#endif
    return true;
}

bool Simulation::set_stops(const std::vector<uint8_t> &addresses) {
    for (uint32_t address : stops_)
        if (slots_ != nullptr) slots_[offset(address) >> 1].times &= ~kStop;
    stops_.assign(addresses.size() / 4, 0);
    memcpy(stops_.data(), addresses.data(), stops_.size() * 4);
    for (uint32_t address : stops_)
        if (!inside(address, 2)) {
            stops_.clear();
            return false;
        }
    mark_stops();
    return true;
}

/* Pairs of first address and address behind -> pairs of instructions and cycles. */
bool Simulation::charges(const std::vector<uint8_t> &ranges, std::vector<uint8_t> &sums) const {
    for (size_t i = 0; i + 8 <= ranges.size(); i += 8) {
        uint32_t range[2];
        memcpy(range, &ranges[i], 8);
        if (range[1] < range[0] || !inside(range[0], range[1] - range[0])) return false;
        uint64_t sum[2] = {0, 0};
        for (uint32_t at = offset(range[0]) >> 1; at < (offset(range[1]) + 1) >> 1; at++) {
            sum[0] += slots_[at].times & ~kStop;
            sum[1] += slots_[at].cycles;
        }
        const uint8_t *raw = reinterpret_cast<const uint8_t *>(sum);
        sums.insert(sums.end(), raw, raw + sizeof sum);
    }
    return true;
}

void Simulation::describe(ReplyHeader &reply) const {
    if (top_ == nullptr) return;
    reply.pc = top_->pc;
    reply.sp = top_->sp;
    reply.ra = top_->ra;
    reply.address = top_->fault_addr;
    reply.instructions = instructions_;
    reply.cycles = cycles_;
}

Status obey(Simulation &simulation, const RequestHeader &header, std::vector<uint8_t> &in, std::vector<uint8_t> &out) {
    bool done = true;
    switch (header.request) {
    case kRegions:
        done = in.size() == sizeof(Regions);
        if (done) memcpy(&simulation.regions, in.data(), sizeof(Regions));
        break;
    case kImage:
        done = (header.address & (kMemoryBytes - 1)) + in.size() <= kMemoryBytes;
        if (done) simulation.image.push_back({header.address, std::move(in)});
        break;
    case kReset:
        return simulation.reset();
    case kRun:
        return simulation.run(header.instructions, header.cycles);
    case kRead:
        done = simulation.read(header.address, static_cast<uint32_t>(header.instructions), out);
        break;
    case kWrite:
        done = simulation.write(header.address, in);
        break;
    case kStops:
        done = simulation.set_stops(in);
        break;
    case kCharges:
        done = simulation.charges(in, out);
        break;
    default:
        done = false;
    }
    return done ? kDone : kRefused;
}

} // namespace

int main() {
    signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole group; this process ends when its stdin does */
    Simulation simulation;
    RequestHeader header;
    while (fread(&header, sizeof header, 1, stdin) == 1) {
        if (header.nbytes > 2 * kMemoryBytes) return 3;
        std::vector<uint8_t> in(header.nbytes), out;
        if (header.nbytes != 0 && fread(in.data(), header.nbytes, 1, stdin) != 1) return 3;
        ReplyHeader reply{};
        reply.status = obey(simulation, header, in, out);
        simulation.describe(reply);
        reply.nbytes = static_cast<uint32_t>(out.size());
        fwrite(&reply, sizeof reply, 1, stdout);
        fwrite(out.data(), 1, out.size(), stdout);
        if (fflush(stdout) != 0) return 4;
    }
    return 0;
}
