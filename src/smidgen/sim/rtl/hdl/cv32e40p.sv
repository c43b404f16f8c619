// SPDX-License-Identifier: Apache-2.0
// CV32E40P with CORE-V extensions and without FPU, on memory without wait states.

// Without sleep a gated clock is the clock; a gate would only cost simulation time.
module cv32e40p_clock_gate (
    input  logic clk_i,
    input  logic en_i,
    input  logic scan_cg_en_i,
    output logic clk_o
);
  assign clk_o = clk_i;
endmodule

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
  logic fetch_req, fetch_valid, data_req, data_we, data_valid;
  logic [3:0] data_be;
  logic [31:0] fetch_addr, fetch_data, data_addr, data_wdata, data_rdata;

  smg_tcm tcm (.*);
  assign fault_is_store = data_we;
  assign fault_addr = data_addr;

  cv32e40p_top #(
      .COREV_PULP(1),
      .FPU(0)
  ) core (
      .clk_i(clk),
      .rst_ni(rst_n),
      .pulp_clock_en_i(1'b1),
      .scan_cg_en_i(1'b0),
      .boot_addr_i(flash_base),
      .mtvec_addr_i(flash_base),
      .dm_halt_addr_i('0),
      .hart_id_i('0),
      .dm_exception_addr_i('0),
      .instr_req_o(fetch_req),
      .instr_gnt_i(1'b1),
      .instr_rvalid_i(fetch_valid),
      .instr_addr_o(fetch_addr),
      .instr_rdata_i(fetch_data),
      .data_req_o(data_req),
      .data_gnt_i(1'b1),
      .data_rvalid_i(data_valid),
      .data_we_o(data_we),
      .data_be_o(data_be),
      .data_addr_o(data_addr),
      .data_wdata_o(data_wdata),
      .data_rdata_i(data_rdata),
      .irq_i('0),
      .irq_ack_o(),
      .irq_id_o(),
      .debug_req_i(1'b0),
      .debug_havereset_o(),
      .debug_running_o(),
      .debug_halted_o(),
      .fetch_enable_i(1'b1),
      .core_sleep_o()
  );

  // An instruction executes in its first cycle in EX, where the core's own event of a retired instruction shows. Its own
  // store reaches memory at the end of that cycle; the load before it is in writeback, and its data is taken from there.
  assign executes = core.core_i.id_stage_i.mhpmevent_minstret_o;
  always_ff @(posedge clk) if (core.core_i.id_stage_i.minstret) pc <= core.core_i.pc_id;
  wire writes = core.core_i.id_stage_i.regfile_we_wb_i;
  wire [5:0] written = core.core_i.id_stage_i.regfile_waddr_wb_i;
  wire [31:0] value = core.core_i.id_stage_i.regfile_wdata_wb_i;
  assign ra = writes & (written == 6'd1) ? value : core.core_i.id_stage_i.register_file_i.mem[1];
  assign sp = writes & (written == 6'd2) ? value : core.core_i.id_stage_i.register_file_i.mem[2];
endmodule
