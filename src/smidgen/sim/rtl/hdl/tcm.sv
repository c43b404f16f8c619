// SPDX-License-Identifier: Apache-2.0
// Eight megabytes of memory without wait states, seen by a core over two OBI ports, and the check of its accesses.

module smg_tcm (
    input  logic        clk,
    input  logic        rst_n,
    input  logic [31:0] flash_base,
    input  logic [31:0] flash_bytes,
    input  logic [31:0] ram_base,
    input  logic [31:0] ram_bytes,
    input  logic        fetch_req,
    input  logic [31:0] fetch_addr,
    output logic        fetch_valid,
    output logic [31:0] fetch_data,
    input  logic        data_req,
    input  logic        data_we,
    input  logic [ 3:0] data_be,
    input  logic [31:0] data_addr,
    input  logic [31:0] data_wdata,
    output logic        data_valid,
    output logic [31:0] data_rdata,
    output logic        fault
);
  logic [31:0] words[0:2097151]  /*verilator public_flat_rw*/;

  // One unsigned comparison per region. Flash is read-only to the program.
  wire fetch_in_flash = fetch_addr - flash_base < flash_bytes;
  wire fetch_in_ram = fetch_addr - ram_base < ram_bytes;
  wire data_in_flash = data_addr - flash_base < flash_bytes;
  wire data_in_ram = data_addr - ram_base < ram_bytes;
  assign fault = data_req & ~(data_in_ram | (data_in_flash & ~data_we));

  wire [31:0] lanes = {{8{data_be[3]}}, {8{data_be[2]}}, {8{data_be[1]}}, {8{data_be[0]}}};

  always_ff @(posedge clk) begin
    fetch_valid <= fetch_req & rst_n;
    data_valid  <= data_req & rst_n;
    // Outside of memory the core reads zeros, which are no instruction in either length.
    if (fetch_req) fetch_data <= (fetch_in_flash | fetch_in_ram) ? words[fetch_addr[22:2]] : 32'd0;
    if (data_req) begin
      data_rdata <= words[data_addr[22:2]];
      if (data_we & ~fault) words[data_addr[22:2]] <= (words[data_addr[22:2]] & ~lanes) | (data_wdata & lanes);
    end
  end
endmodule
