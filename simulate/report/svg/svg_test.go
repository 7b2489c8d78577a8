package svg

import (
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"strings"
	"testing"
)

// What others named is text in a picture, whatever it holds.
func TestAddEscapes(t *testing.T) {
	const evil = "</svg><script>alert(1)</script>\"'\x00\u202e"
	d := New(7, evil, 0, 0, 10, 10, evil, evil)
	d.Add(`<text x="%d">%s</text>%s`, 3, evil, template.HTML("<g/>"))
	got := string(d.End())
	if strings.Contains(got, "<script") || strings.ContainsAny(got, "\x00\u202e") {
		t.Errorf("it is in the picture as it came: %s", got)
	}
	if !strings.Contains(got, "<g/>") || !strings.Contains(got, `aria-labelledby="t7 d7"`) || !strings.HasSuffix(got, "</svg>\n") {
		t.Errorf("what is a picture is not: %s", got)
	}
	x := xml.NewDecoder(strings.NewReader(got))
	for {
		if _, err := x.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]float64{0.3: 0.5, 1: 1, 1.1: 2, 2.0000000001: 2, 7: 10, 1234: 2000, 0.00011: 0.0002} {
		if got := Nice(v); got < want*0.999999 || got > want*1.000001 {
			t.Errorf("Nice(%v) is %v, want %v", v, got, want)
		}
	}
	for _, c := range []struct {
		in     string
		places int
		want   string
	}{{"1234567", 0, "1,234,567"}, {"-1234.5", 2, "−1,234.50"}, {"0.5000", 0, "0.5"}, {"12", 1, "12.0"}, {"999.999", 1, "999.9"}} {
		if got := Grouped(c.in, c.places); got != c.want {
			t.Errorf("Grouped(%q, %d) is %q, want %q", c.in, c.places, got, c.want)
		}
	}
	if got := Short("fulfilment", 4); got != "ful…" {
		t.Errorf("Short is %q", got)
	}
	if !strings.Contains(string(Style), "prefers-color-scheme:dark") || strings.Contains(string(Style), "url(") {
		t.Error("the style has no dark mode, or asks for something")
	}
}
