// Package report draws results of load tests as a single HTML page that needs nothing else: no script, no font, no picture from
// anywhere. Its policy forbids any request, so a page that is opened on a plane is the page that was sent.
//
// Beside how fast it was always stands whether it was right. Whatever is drawn stands in a table too, and nothing is said by
// colour alone: lines differ by their dashes and carry their names, failures are words. All figures are those of result.json. The
// page follows the reader's dark mode, prints, and fits a telephone.
package report
