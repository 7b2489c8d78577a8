// Package report draws a comparison of runs, or one run, as a single HTML page that needs nothing else: no script, no font, no
// picture from anywhere. Its policy forbids any request, so a page that is opened on a plane is the page that was sent.
//
// Whatever is drawn stands in a table beside it, with the sign of a change in text and in the pattern, not in the colour alone.
// Every figure is one of compare.json's: cells carry it unrounded in data-value. It follows the reader's dark mode and prints.
package report
