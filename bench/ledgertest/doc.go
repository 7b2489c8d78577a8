// Package ledgertest holds the tests of what is promised of the ledger as order systems meet it: many clients of a real
// server over gRPC, with a journal on a disk.
//
//   - TestLoad runs 64 clients that allocate, move holds and correct stock, and then reads the journal with a plain
//     accounting of its own: nothing was oversold, every answer is what the journal has, and every decision is made again.
//   - TestLinearizable records what concurrent clients saw and looks for an order in which a simple model does the same.
//   - TestOnce sends one request a hundred times at once.
//   - TestKill ends the real program under load with SIGKILL, again and again, and looks for what it had answered.
//
// Each has a control: the same test of something broken, which must fail. With ALLOT_LONG set they run for as long as is
// promised, with -short for less.
package ledgertest
