// Package svg writes the pictures of reports and the style of their pages: what pages of replays and of load tests have in
// common. Pages are HTML that needs nothing else: no script, no font, no picture from anywhere.
package svg

import (
	_ "embed" // the style
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// Style is the CSS that every page has: colours of light and dark, text, tables, tiles, badges, pictures, printing. A page adds
// the classes of its own pictures.
//
//go:embed style.css
var Style template.CSS

// A Drawing is an SVG picture as it is written. Nothing but Add may bring what others named into it.
type Drawing struct{ strings.Builder }

// New begins a picture that is seen through a box of user units whose upper left corner is x, y. The title and the description
// are what people get who do not see it; id, unique in the page, ties them to it.
func New(id int, class string, x, y, width, height int, title, desc string) *Drawing {
	d := &Drawing{}
	d.Add(`<svg class="%s" viewBox="%d %d %d %d" role="img" aria-labelledby="t%d d%d"><title id="t%d">%s</title><desc id="d%d">%s</desc>`,
		class, x, y, width, height, id, id, id, title, id, desc)
	return d
}

// Add writes a line by a format. Strings among the arguments are cleaned and escaped.
func (d *Drawing) Add(format string, args ...any) {
	for i, a := range args {
		switch v := a.(type) {
		case string:
			args[i] = html.EscapeString(Clean(v))
		case template.HTML:
			args[i] = string(v)
		}
	}
	fmt.Fprintf(d, format, args...)
	d.WriteByte('\n')
}

// End ends the picture and returns it.
func (d *Drawing) End() template.HTML {
	d.Add("</svg>")
	return template.HTML(d.String()) //nolint:gosec // Add escaped every string in it
}

// Clean puts a mark in place of what XML and terminals have no use for: control characters, and those that turn text around.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\ufffd'
		}
		return r
	}, s)
}

// Short cuts a text to n characters, n at least 1, the last of them an ellipsis where something is missing.
func Short(s string, n int) string {
	r := []rune(Clean(s))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}

// Nice rounds a number above 0 up to 1, 2 or 5 times a power of ten.
func Nice(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// Grouped writes a decimal with commas by thousands, and so many decimals, cut or filled up; with 0 as many as it has, without
// zeros at the end.
func Grouped(s string, places int) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "−", s[1:]
	}
	whole, part, _ := strings.Cut(s, ".")
	for len(part) < places {
		part += "0"
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if places == 0 {
		if part = strings.TrimRight(part, "0"); part == "" {
			return sign + whole
		}
		return sign + whole + "." + part
	}
	return sign + whole + "." + part[:places]
}
