package table

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

var columns = []Column{{Name: "id", Required: true}, {Name: "cost"}, {Name: "weight"}, {Name: "side"}, {Name: "share"}, {Name: "day"},
	{Name: "time"}, {Name: "week"}, {Name: "count"}, {Name: "lat"}, {Name: "open"}, {Name: "tags"}}

func read(text string) (*Table, *faults.List) {
	var fl faults.List
	return Read("t.csv", strings.NewReader(text), columns, &fl), &fl
}

func TestReadsEveryKindOfField(t *testing.T) {
	tab, fl := read("\ufeff# a remark\r\nid,cost,weight,side,share,day,time,week,count,lat,open,tags\r\n" +
		"a, 8.20 ,1 lb,2 in,5%,2026-11-27,14:00,mon-fri,7,40.5,yes,x;y z\r\n\r\nb,,,,,,,,,,,\r\n")
	if err := fl.Err(); err != nil || tab.Len() != 2 {
		t.Fatalf("%d rows, %v", tab.Len(), err)
	}
	var rows []*Row
	for r := range tab.Rows() {
		rows = append(rows, r)
	}
	a, b := rows[0], rows[1]
	if a.Required("id") != "a" || a.Line() != 3 || a.Money("cost", 1) != 8_200_000 || a.Weight("weight", 0) != units.Pound ||
		a.Length("side", 0) != 2*units.Inch || a.Percent("share", 0) != 500 || a.Date("day", 0) != units.DateOf(2026, 11, 27) ||
		a.Clock("time", 0) != 14*units.Hour || a.Weekdays("week", 0) != units.MondayToFriday || a.Int("count", 0, 0, 9) != 7 ||
		a.Float("lat", 0, -90, 90) != 40.5 || !a.Bool("open", false) || strings.Join(List(a, "tags"), "|") != "x|y|z" {
		t.Errorf("row a misread: %v", a.fields)
	}
	if b.Has("cost") || b.Money("cost", 3) != 3 || b.Int("count", 4, 0, 9) != 4 || !b.Bool("open", true) || b.Text("absent") != "" {
		t.Errorf("row b misread: %v", b.fields)
	}
	if fl.Len() != 0 {
		t.Errorf("faults: %v", fl.Err())
	}
}

func TestListsEveryFaultWithItsPlace(t *testing.T) {
	tab, fl := read("id,cots,cost,count,open,lat,weight\na,1,NaN,10,maybe,NaN,1 stone\nb,1\n\"c\"x,1\nd,1,1,1,no,1,\xff\n,1,1,-1,no,91,1 lb\n")
	for r := range tab.Rows() {
		r.Required("id")
		r.Money("cost", 0)
		r.Int("count", 0, 0, 9)
		r.Bool("open", false)
		r.Float("lat", 0, -90, 90)
		r.Weight("weight", 0)
	}
	got := fl.Err().Error()
	for _, want := range []string{
		`t.csv:1:2: unknown column "cots"; did you mean "cost"?`,
		`t.csv:2:3 cost: "NaN" is no amount of money`,
		`t.csv:2:4 count: "10" is no whole number from 0 to 9`,
		`t.csv:2:5 open: "maybe" is neither yes nor no`,
		`t.csv:2:6 lat: "NaN" is no number from -90 to 90`,
		`t.csv:2:7 weight: "1 stone" is no weight`,
		`t.csv:3: the row has 2 fields; give 7, as the header has`,
		`t.csv:5:7 weight: "\xff" is not UTF-8 text`,
		`t.csv:6:1 id: the value is missing`,
		`t.csv:6:4 count: "-1"`,
		`t.csv:6:6 lat: "91"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
}

func TestHeaderFaults(t *testing.T) {
	_, fl := read("cost,cost\n1,2\n")
	if got := fl.Err().Error(); !strings.Contains(got, "stands twice") || !strings.Contains(got, "id: a required column is missing") {
		t.Error(got)
	}
	if _, fl := read(""); !strings.Contains(fl.Err().Error(), "the file is empty") {
		t.Error(fl.Err())
	}
	var broken faults.List
	Read("t.csv", iotest.ErrReader(errors.New("disk gone")), columns, &broken)
	if broken.Len() != 1 || !strings.Contains(broken.Err().Error(), "disk gone") {
		t.Error(broken.Err())
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"id,cost\na,1\n", "id\n\"a\nb\"\n", "\ufeffid\n", "id,id\n", "\"", "id\n\xff\n", "a,b\n,\n\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tab, fl := read(s)
		for r := range tab.Rows() {
			if len(r.fields) != len(tab.rows[0].fields) || r.Line() < 1 {
				t.Errorf("row %v of %q", r.fields, s)
			}
			r.Money("cost", 0)
			r.Weekdays("week", 0)
		}
		for _, x := range fl.Faults() {
			if x.String() == "" || x.File != "t.csv" {
				t.Errorf("fault %+v", x)
			}
		}
	})
}
