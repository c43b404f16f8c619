// SPDX-License-Identifier: Apache-2.0
// VexRiscv in its "Full" variant (RV32IM, 4 KiB instruction and data caches) on Wishbone memory without wait states.

module smg_top (
    input  logic        clk,
    input  logic        rst_n,
    input  logic [31:0] flash_base,
    input  logic [31:0] flash_bytes,
    input  logic [31:0] ram_base,
    input  logic [31:0] ram_bytes,
    output logic        executes,
    output logic [31:0] pc,
    output logic [31:0] sp,
    output logic [31:0] ra,
    output logic        fault,
    output logic        fault_is_store,
    output logic [31:0] fault_addr
);
  // Behind a level of its own, so that memory has the same name on every core.
  smg_vexriscv tcm (.*);
endmodule

module smg_vexriscv (
    input  logic        clk,
    input  logic        rst_n,
    input  logic [31:0] flash_base,
    input  logic [31:0] flash_bytes,
    input  logic [31:0] ram_base,
    input  logic [31:0] ram_bytes,
    output logic        executes,
    output logic [31:0] pc,
    output logic [31:0] sp,
    output logic [31:0] ra,
    output logic        fault,
    output logic        fault_is_store,
    output logic [31:0] fault_addr
);
  logic [31:0] words[0:2097151]  /*verilator public_flat_rw*/;
  logic fetch_cyc, fetch_stb, data_cyc, data_stb;
  logic [29:0] fetch_adr, data_adr;

  wire [31:0] fetch_address = {fetch_adr, 2'b00};
  wire fetch_in_memory = fetch_address - flash_base < flash_bytes | fetch_address - ram_base < ram_bytes;

  VexRiscv core (
      .externalResetVector(flash_base),
      .timerInterrupt(1'b0),
      .softwareInterrupt(1'b0),
      .externalInterruptArray('0),
      .iBusWishbone_CYC(fetch_cyc),
      .iBusWishbone_STB(fetch_stb),
      .iBusWishbone_ACK(fetch_cyc & fetch_stb),
      .iBusWishbone_WE(),
      .iBusWishbone_ADR(fetch_adr),
      // Outside of memory the core reads zeros, which are no instruction.
      .iBusWishbone_DAT_MISO(fetch_in_memory ? words[fetch_adr[20:0]] : 32'd0),
      .iBusWishbone_DAT_MOSI(),
      .iBusWishbone_SEL(),
      .iBusWishbone_ERR(1'b0),
      .iBusWishbone_CTI(),
      .iBusWishbone_BTE(),
      .dBusWishbone_CYC(data_cyc),
      .dBusWishbone_STB(data_stb),
      .dBusWishbone_ACK(data_cyc & data_stb),
      .dBusWishbone_WE(),
      .dBusWishbone_ADR(data_adr),
      .dBusWishbone_DAT_MISO(words[data_adr[20:0]]),
      .dBusWishbone_DAT_MOSI(),
      .dBusWishbone_SEL(),
      .dBusWishbone_ERR(1'b0),
      .dBusWishbone_CTI(),
      .dBusWishbone_BTE(),
      .clk(clk),
      .reset(!rst_n)
  );

  // The data cache writes through a queue. Memory takes a store when it enters the queue, not when it leaves it, so that
  // memory is what the program has written so far; the handshakes on the bus, and with them the cycles, stay as they are.
  wire accesses = core.dataCache_1_io_mem_cmd_valid & core.dataCache_1_io_mem_cmd_ready;
  wire stores = core.dataCache_1_io_mem_cmd_payload_wr;
  wire [31:0] address = core.dataCache_1_io_mem_cmd_payload_address;
  wire [31:0] value = core.dataCache_1_io_mem_cmd_payload_data;
  wire [3:0] mask = core.dataCache_1_io_mem_cmd_payload_mask;
  wire [31:0] lanes = {{8{mask[3]}}, {8{mask[2]}}, {8{mask[1]}}, {8{mask[0]}}};
  wire in_flash = address - flash_base < flash_bytes;
  wire in_ram = address - ram_base < ram_bytes;
  assign fault = accesses & ~(in_ram | (in_flash & ~stores));
  assign fault_is_store = stores;
  assign fault_addr = address;

  always_ff @(posedge clk)
    if (accesses & stores & ~fault) words[address[22:2]] <= (words[address[22:2]] & ~lanes) | (value & lanes);

  // An instruction executes in its last cycle in the last stage. Its own store enters the queue, and its own register is
  // written, at the end of that cycle.
  assign executes = core.lastStageIsFiring;
  assign pc = core.lastStagePc;
  assign ra = core.RegFilePlugin_regFile[1];
  assign sp = core.RegFilePlugin_regFile[2];
endmodule
