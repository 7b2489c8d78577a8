// Package history holds the orders of a season in columns, with the moves of stock beside them: it reads them from files,
// checks them, and changes them as a scenario says.
package history
