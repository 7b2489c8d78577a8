// Package results keeps what a replay decided in a directory: a summary, tables for whoever wants to look closer, a map by
// region. What it writes is the same for equal runs, to the byte.
package results
