package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/allot-engine/allot/simulate/compare"
	"github.com/allot-engine/allot/units"
)

// Comparisons for people. Every figure is one of compare.json, rounded for the eye.

// printAgainst writes how a run differs from the base, with so many rows of each table.
func printAgainst(w io.Writer, c *compare.Comparison, a *compare.Against, top int) {
	p := &a.Pairing
	fmt.Fprintf(w, "%s against %s: %s in both runs, %s filled in both", a.Run.Name, c.Base.Name, count(int(p.Paired), "order"), thousands64(p.Both))
	for _, n := range []struct {
		orders int64
		what   string
	}{
		{p.Gained, "filled only by " + a.Run.Name}, {p.Dropped, "filled only by " + c.Base.Name},
		{p.OnlyBase, "only in " + c.Base.Name}, {p.OnlyRun, "only in " + a.Run.Name},
	} {
		if n.orders > 0 {
			fmt.Fprintf(w, ", %s %s", thousands64(n.orders), n.what)
		}
	}
	fmt.Fprintln(w)
	printFigures(w, c, a)
	printWaterfall(w, c, a, top)
	printMoves(w, a, top)
	printParts(w, c, "by state", "state", &a.States, top)
	printParts(w, c, "by SKU", "sku", &a.SKUs, top)
	printVerdict(w, c, a)
}

// printOverview writes a line a run: by how much the figures that matter most differ from the base's.
func printOverview(w io.Writer, c *compare.Comparison) {
	fmt.Fprintf(w, "changes from %s, for better (+) or worse (-) where they are beyond chance\n", c.Base.Name)
	names := []string{"cost_per_order", "filled_share", "on_time_share", "late_share", "split_share", "km_per_order"}
	g := grid{names: []string{"run"}}
	for i := range c.Runs {
		a := &c.Runs[i]
		row := []string{a.Run.Name}
		for _, name := range names {
			at := slices.IndexFunc(a.Figures, func(f compare.Figure) bool { return f.Name == name })
			if at < 0 {
				continue
			}
			f := &a.Figures[at]
			if i == 0 {
				g.names = append(g.names, ">"+strings.ToLower(f.Label), "")
			}
			text, sign := "", ""
			if f.Change.Value.Defined() {
				text = difference(f.Change.Value, f.Unit)
				if f.Change.Value == 0 {
					text = "="
				}
			}
			switch judged(f) {
			case "better":
				sign = "(+)"
			case "worse":
				sign = "(-)"
			}
			row = append(row, text, sign)
		}
		if len(c.Thresholds) > 0 {
			if i == 0 {
				g.names = append(g.names, "")
			}
			row = append(row, verdict(a))
		}
		g.add(row...)
	}
	g.print(w, "  ")
}

func verdict(a *compare.Against) string {
	if a.Verdict.Go {
		return "GO"
	}
	return "NO GO"
}

// printFigures writes the figures, without those of single terms, which the waterfall shows.
func printFigures(w io.Writer, c *compare.Comparison, a *compare.Against) {
	interval := fmt.Sprintf("%s %% interval", strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", 100*c.Method.Confidence), "0"), "."))
	named := func(name, otherwise string) string {
		if len(name) > 24 {
			name = otherwise
		}
		return ">" + name
	}
	g := grid{names: []string{"", named(c.Base.Name, "base"), named(a.Run.Name, "run"), ">change", ">", ">" + interval, ""}}
	for i := range a.Figures {
		f := &a.Figures[i]
		if strings.HasPrefix(f.Name, "cost_") && f.Name != "cost_per_order" || !f.Base.Value.Defined() && !f.Run.Value.Defined() {
			continue
		}
		row := []string{f.Label, figure(f.Base.Value, f.Unit), figure(f.Run.Value, f.Unit), "", "", "", ""}
		if f.Change.Value.Defined() {
			row[3] = difference(f.Change.Value, f.Unit)
			if f.Change.Value == 0 {
				row[3] = "="
			}
			if f.Unit != compare.Share && f.Relative.Value.Defined() && f.Change.Value != 0 {
				row[4] = fmt.Sprintf("%+.2f %%", 100*f.Relative.Value)
			}
		}
		if in := f.Change.Interval; in != nil && f.Change.Value != 0 {
			low, _, _ := strings.Cut(difference(compare.Number(in.Low), f.Unit), " ") // the unit stands behind the other end
			row[5] = low + " to " + difference(compare.Number(in.High), f.Unit)
		}
		row[6] = judged(f)
		g.add(row...)
	}
	g.print(w, "  ")
}

// judged says in a word what a change is, where its interval tells.
func judged(f *compare.Figure) string {
	if f.Change.Value == 0 || f.Change.Interval == nil {
		return ""
	}
	switch {
	case !f.Change.Clear():
		return "within chance"
	case f.Better == 0:
		return ""
	case (f.Change.Value > 0) == (f.Better > 0):
		return "better"
	}
	return "worse"
}

// figure writes a statistic in its unit.
func figure(n compare.Number, unit compare.Unit) string {
	if !n.Defined() {
		return ""
	}
	switch unit {
	case compare.Share:
		return fmt.Sprintf("%.2f %%", 100*n)
	case compare.MoneyUnit:
		return grouped(fmt.Sprintf("%.2f", n))
	case compare.Km, compare.Grams:
		return grouped(fmt.Sprintf("%.0f", n)) + " " + string(unit)
	case compare.DaysUnit:
		return fmt.Sprintf("%.2f", n)
	}
	return fmt.Sprintf("%.3f", n)
}

// difference writes a change of a statistic, with its sign.
func difference(n compare.Number, unit compare.Unit) string {
	switch unit {
	case compare.Share:
		return fmt.Sprintf("%+.2f pp", 100*n)
	case compare.MoneyUnit:
		return grouped(fmt.Sprintf("%+.3f", n))
	case compare.Km, compare.Grams:
		return grouped(fmt.Sprintf("%+.1f", n)) + " " + string(unit)
	case compare.DaysUnit:
		return fmt.Sprintf("%+.3f", n)
	}
	return fmt.Sprintf("%+.4f", n)
}

// grouped puts commas into the whole part of a number.
func grouped(s string) string {
	whole, rest, point := strings.Cut(s, ".")
	sign := ""
	if whole != "" && (whole[0] == '-' || whole[0] == '+') {
		sign, whole = whole[:1], whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		return sign + whole + "." + rest
	}
	return sign + whole
}

// printWaterfall writes what the change of the total cost is made of, the largest steps in their order.
func printWaterfall(w io.Writer, c *compare.Comparison, a *compare.Against, top int) {
	if a.Change == 0 || len(a.Waterfall) < 2 || top == 0 {
		return
	}
	fmt.Fprintf(w, "\ntotal cost in %s, from %s to %s\n", c.Currency, c.Base.Name, a.Run.Name)
	least := threshold(a.Waterfall, top)
	g := grid{names: []string{"", ">amount", ">total"}}
	rest, others := units.Money(0), 0
	for i, s := range a.Waterfall {
		ends := i == 0 || i == len(a.Waterfall)-1
		switch {
		case i == 0:
			g.add(s.Name, "", cents(s.Level))
		case ends:
			if others > 0 {
				g.add(count(others, "smaller change"), signed(rest), "")
			}
			g.add(s.Name, "", cents(s.Level))
		case s.Amount == 0:
		case magnitude(s.Amount) < least:
			rest, others = rest+s.Amount, others+1
		default:
			g.add(stepName(&s, c, a), signed(s.Amount), "")
		}
	}
	g.print(w, "  ")
}

// threshold is the size of the smallest of the top steps.
func threshold(steps []compare.Step, top int) units.Money {
	var sizes []units.Money
	for _, s := range steps[1 : len(steps)-1] {
		if s.Amount != 0 {
			sizes = append(sizes, magnitude(s.Amount))
		}
	}
	if len(sizes) <= top {
		return 0
	}
	slices.SortFunc(sizes, func(a, b units.Money) int { return cmp.Compare(b, a) })
	return sizes[top-1]
}

func stepName(s *compare.Step, c *compare.Comparison, a *compare.Against) string {
	switch s.Kind {
	case "gained":
		return "orders filled only by " + a.Run.Name
	case "dropped":
		return "orders filled only by " + c.Base.Name
	case "only_base":
		return "orders only in " + c.Base.Name
	case "only_run":
		return "orders only in " + a.Run.Name
	}
	return s.Name
}

func printMoves(w io.Writer, a *compare.Against, top int) {
	if a.Moves.Moved == 0 || top == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s moved to other warehouses\n", count(int(a.Moves.Moved), "order"))
	g := grid{names: []string{"from", "to", ">orders", ">change each", "most of it", "why"}}
	shown := 0
	for i := range a.Moves.Rows {
		m := &a.Moves.Rows[i]
		if m.From == m.To {
			continue
		}
		if shown++; shown > top {
			break
		}
		term := ""
		if m.Term != "" {
			term = m.Term + " " + signed(m.TermChange.Times(1, m.Orders))
		}
		why := ""
		if len(m.Reasons) > 0 {
			why = m.Reasons[0].Name
			if n := len(m.Reasons) - 1; n > 0 {
				why += fmt.Sprintf(" (%s), %d more", thousands64(m.Reasons[0].Orders), n)
			}
		}
		g.add(m.From, m.To, thousands64(m.Orders), signed(m.Change.Times(1, max(m.Orders, 1))), term, why)
	}
	g.print(w, "  ")
}

func printParts(w io.Writer, c *compare.Comparison, title, name string, parts *compare.Parts, top int) {
	if top == 0 || len(parts.Rows) == 0 || parts.Rows[0].Change == 0 {
		return
	}
	fmt.Fprintf(w, "\nchange in %s %s, largest first\n", c.Currency, title)
	g := grid{names: []string{name, ">orders", ">change", ">of all", ">alike, each"}}
	for i := range parts.Rows[:min(top, len(parts.Rows))] {
		p := &parts.Rows[i]
		if p.Change == 0 {
			break
		}
		key, alike, share := p.Key, "", ""
		if key == "" {
			key = "(not known)"
		}
		if m, ok := p.AlikePerOrder(); ok {
			alike = signed(m)
		}
		if p.Share.Defined() {
			share = fmt.Sprintf("%.1f %%", 100*p.Share)
		}
		g.add(key, thousands64(max(p.BaseOrders, p.RunOrders)), signed(p.Change), share, alike)
	}
	g.print(w, "  ")
}

func printVerdict(w io.Writer, c *compare.Comparison, a *compare.Against) {
	if len(c.Thresholds) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s: %s\n", verdict(a), a.Run.Name)
	g := grid{names: []string{"condition", "", ""}}
	for i := range a.Verdict.Judgings {
		j := &a.Verdict.Judgings[i]
		met := "met"
		if !j.Pass {
			met = "FAILED"
		}
		_, reason, _ := strings.Cut(j.Reason, ": ") // go or no-go stands before it
		g.add(j.Threshold, met, reason)
	}
	g.print(w, "  ")
}

// signed writes an amount to the cent, with its sign.
func signed(m units.Money) string {
	text := cents(m)
	if m > 0 {
		text = "+" + text
	}
	return text
}

func magnitude(m units.Money) units.Money {
	if m < 0 {
		return -m
	}
	return m
}
