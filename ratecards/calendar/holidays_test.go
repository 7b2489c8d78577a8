package calendar

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/units"
)

func TestReadHolidays(t *testing.T) {
	var fl faults.List
	hs := ReadHolidays("h.csv", strings.NewReader("calendar,date,name\nus,2026-12-25,Christmas Day\nus,2026-11-26,Thanksgiving\nde,2026-12-25,\n"), &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	if got := hs.Names(); !slices.Equal(got, []string{"de", "us"}) {
		t.Errorf("calendars %v", got)
	}
	if got := hs.Dates("us"); !slices.Equal(got, []units.Date{units.DateOf(2026, 11, 26), units.DateOf(2026, 12, 25)}) {
		t.Errorf("us %v", got)
	}
	if got := hs.Dates("fr"); got != nil {
		t.Errorf("fr %v", got)
	}
}

func TestReadHolidaysListsEveryFault(t *testing.T) {
	var fl faults.List
	hs := ReadHolidays("h.csv", strings.NewReader(`calendar,date,name
us,2026-02-30,no such day
,2026-11-26,no calendar
us,,no date
us,2026-12-25,good
us,2026-12-25,again
"#us",2026-12-26,a note
`), &fl)
	if len(hs) != 1 {
		t.Errorf("kept %v", hs)
	}
	var lines []int
	for _, f := range fl.Faults() {
		lines = append(lines, f.Row)
		if f.File != "h.csv" || f.Column == 0 || f.Problem == "" {
			t.Errorf("a fault without a place: %v", f)
		}
	}
	if !slices.Equal(lines, []int{2, 3, 4, 6, 7}) {
		t.Errorf("faults on lines %v:\n%v", lines, fl.Err())
	}
}

func FuzzReadHolidays(f *testing.F) {
	for _, seed := range []string{
		"calendar,date,name\nus,2026-12-25,Christmas Day\n",
		"\xef\xbb\xbfdate,calendar\r\n2026-12-25,us\r\n",
		"calendar,date,name\nus,2026-02-30,\nus,2026-12-25\n\"us\",\"2026-12-25\",\"a\nb\"",
		"calendar,date,name,colour\n", "", "#\n", "calendar,date\n\xff,2026-01-01\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var fl faults.List
		hs := ReadHolidays("h.csv", bytes.NewReader(data), &fl)
		var first, second bytes.Buffer
		if err := hs.Write(&first); err != nil {
			t.Fatal(err)
		}
		var again faults.List
		back := ReadHolidays("h.csv", bytes.NewReader(first.Bytes()), &again)
		if err := again.Err(); err != nil {
			t.Fatalf("what was written does not read: %v\n%s", err, first.Bytes())
		}
		if err := back.Write(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("written twice, it differs (%v):\n%s\n%s", err, first.Bytes(), second.Bytes())
		}
	})
}
