// SPDX-License-Identifier: Apache-2.0
// The caches' tags, which whoever writes memory from outside of the core must be able to clear.
`verilator_config
public_flat_rw -module "DataCache" -var "ways_0_tags"
public_flat_rw -module "InstructionCache" -var "ways_0_tags"
