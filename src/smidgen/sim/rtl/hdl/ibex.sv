// SPDX-License-Identifier: Apache-2.0
// Ibex in its "maxperf" configuration without bit manipulation, on memory without wait states.

// Without sleep a gated clock is the clock; a gate would only cost simulation time.
module prim_clock_gating (
    input  logic clk_i,
    input  logic en_i,
    input  logic test_en_i,
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

  ibex_top #(
      .RV32M(ibex_pkg::RV32MSingleCycle),
      .BranchTargetALU(1'b1),
      .WritebackStage(1'b1)
  ) core (
      .clk_i(clk),
      .rst_ni(rst_n),
      .test_en_i(1'b0),
      .ram_cfg_i('0),
      .hart_id_i('0),
      .boot_addr_i(flash_base),
      .instr_req_o(fetch_req),
      .instr_gnt_i(1'b1),
      .instr_rvalid_i(fetch_valid),
      .instr_addr_o(fetch_addr),
      .instr_rdata_i(fetch_data),
      .instr_rdata_intg_i('0),
      .instr_err_i(1'b0),
      .data_req_o(data_req),
      .data_gnt_i(1'b1),
      .data_rvalid_i(data_valid),
      .data_we_o(data_we),
      .data_be_o(data_be),
      .data_addr_o(data_addr),
      .data_wdata_o(data_wdata),
      .data_wdata_intg_o(),
      .data_rdata_i(data_rdata),
      .data_rdata_intg_i('0),
      .data_err_i(1'b0),
      .irq_software_i(1'b0),
      .irq_timer_i(1'b0),
      .irq_external_i(1'b0),
      .irq_fast_i('0),
      .irq_nm_i(1'b0),
      .scramble_key_valid_i(1'b0),
      .scramble_key_i('0),
      .scramble_nonce_i('0),
      .scramble_req_o(),
      .debug_req_i(1'b0),
      .crash_dump_o(),
      .double_fault_seen_o(),
      .fetch_enable_i(ibex_pkg::IbexMuBiOn),
      .alert_minor_o(),
      .alert_major_internal_o(),
      .alert_major_bus_o(),
      .core_sleep_o(),
      .scan_rst_ni(1'b1)
  );

  // An instruction executes in its last cycle in ID/EX. Its own store reaches memory at the end of that cycle; the one
  // before it is in writeback at most, and what that writes then is taken from there.
  assign executes = core.u_ibex_core.id_stage_i.instr_id_done_o & core.u_ibex_core.id_stage_i.instr_perf_count_id_o;
  assign pc = core.u_ibex_core.pc_id;
  wire writes = core.u_ibex_core.rf_we_wb;
  wire [4:0] written = core.u_ibex_core.rf_waddr_wb;
  wire [31:0] value = core.u_ibex_core.rf_wdata_wb;
  assign ra = writes & (written == 5'd1) ? value : core.gen_regfile_ff.register_file_i.rf_reg[1];
  assign sp = writes & (written == 5'd2) ? value : core.gen_regfile_ff.register_file_i.rf_reg[2];
endmodule
