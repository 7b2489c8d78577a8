package lanes

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
	_ "github.com/allot-engine/allot/internal/seeds"
	"pgregory.net/rapid"
)

func areaList(t testing.TB, text string) *AreaList {
	t.Helper()
	var fl faults.List
	l := ReadAreas("areas.csv", strings.NewReader(text), &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAreasTable(t *testing.T) {
	var fl faults.List
	a := CompileAreas([]*AreaList{areaList(t, `# effective: 2026-01-05
postal,attributes,residential,commercial,country
01002,,das,das,
01003,,das_extended,,
995-999,alaska,,,
99501-99505,remote urban,,,
K1A-K1C,remote,,,CA
*,export,,,CA
`), areaList(t, "postal,attributes\n01002,island;remote\n")}, &fl)
	if err := fl.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ country, postal, want string }{
		{"US", "01002", "[commercial_das island remote residential_das]"}, {"US", "01002-0001", "[commercial_das island remote residential_das]"},
		{"US", "01003", "[residential_das_extended]"}, {"US", "01004", "[]"}, {"US", "99501", "[alaska remote urban]"}, {"US", "99506", "[alaska]"},
		{"US", "99999", "[alaska]"}, {"US", "995", "[]"}, {"CA", "k1b 4n4", "[export remote]"}, {"CA", "K2B 4N4", "[export]"}, {"CA", "", "[export]"},
		{"CA", "K/", "[]"}, {"GB", "K1B", "[]"},
	} {
		if got := fmt.Sprint(a.Describe(a.Of(c.country, c.postal))); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.country, c.postal, got, c.want)
		}
	}
	alaska, ok := a.Bit("alaska")
	if !ok || alaska.Count() != 1 || !a.Of("US", "99501").Has(alaska) || a.Of("US", "01002").Has(alaska) {
		t.Errorf("alaska is %b %v", alaska, ok)
	}
	if m, ok := a.Bit("moon"); ok || m != 0 {
		t.Errorf("moon is %b", m)
	}
	if got := a.Sources(); len(got) != 2 || got[0].Effective.String() != "2026-01-05" {
		t.Errorf("sources %v", got)
	}
	if len(a.Names()) != 8 {
		t.Errorf("names %v", a.Names())
	}
}

func TestReadAreasListsEveryFault(t *testing.T) {
	var fl faults.List
	l := ReadAreas("areas.csv", strings.NewReader("postal,attributes,residential\n,das,\n01002,,\n0100x,das,\n01002,DAS,\n01002,das,ext-ended\n01003,das,\n"), &fl)
	if got := faultLines(t, &fl); !slices.Equal(got, []int{2, 3, 4, 5, 6}) || len(l.Rows) != 1 {
		t.Errorf("faults on lines %v:\n%v", got, fl.Err())
	}
}

func TestTooManyAttributes(t *testing.T) {
	l := &AreaList{}
	for i := range MaxAttributes {
		l.Rows = append(l.Rows, AreaRow{Country: home, Attributes: []string{fmt.Sprintf("a%02d", i)}})
	}
	var fl faults.List
	if a := CompileAreas([]*AreaList{l}, &fl); fl.Len() > 0 || a.Of("US", "10001") != 1<<32-1 {
		t.Errorf("%v", fl.Err())
	}
	l.Rows = append(l.Rows, AreaRow{Country: home, Attributes: []string{"one_more"}})
	if CompileAreas([]*AreaList{l}, &fl); fl.Len() != 1 || !strings.Contains(fl.Err().Error(), "at most 32") {
		t.Errorf("%v", fl.Err())
	}
}

func TestAreasMatchFind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lists := make([]*AreaList, rapid.IntRange(0, 2).Draw(t, "lists"))
		for i := range lists {
			lists[i] = &AreaList{}
			for range rapid.IntRange(0, 10).Draw(t, "rows") {
				country := rapid.SampledFrom(drawnCountries).Draw(t, "country")
				lists[i].Rows = append(lists[i].Rows, AreaRow{Country: country, Postal: drawRange(t, "postal", nation(country)),
					Attributes: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "residential_c"}), 1, 3).Draw(t, "attributes")})
			}
		}
		var fl faults.List
		a := CompileAreas(lists, &fl)
		if err := fl.Err(); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			near := AreaRow{Country: home}
			if len(lists) > 0 && len(lists[0].Rows) > 0 {
				near = rapid.SampledFrom(lists[0].Rows).Draw(t, "near")
			}
			postal := drawPostal(t, "postal", nation(near.Country), near.Postal)
			if got, want := a.Describe(a.Of(near.Country, postal)), FindAreas(lists, near.Country, postal); !slices.Equal(got, want) {
				t.Fatalf("%s %s: %v, want %v", near.Country, postal, got, want)
			}
		}
	})
}

func FuzzReadAreas(f *testing.F) {
	for _, seed := range []string{
		"postal,attributes,residential,commercial\n01002,,das,das\n", "# source: x\npostal,attributes\n01002-01009,a;b c\n",
		"postal,country,attributes\nK1A,CA,remote\n", "postal,attributes\n01002,\n*,a\n", "", "postal,attributes\n1,\xff\n", "postal,attributes\n1,residential_a\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var fl faults.List
		l := ReadAreas("areas.csv", bytes.NewReader(data), &fl)
		if !rewrite(t, func(b *bytes.Buffer) error { return l.Write(b) }, func(b *bytes.Buffer, fl *faults.List) func(*bytes.Buffer) error {
			back := ReadAreas("areas.csv", b, fl)
			return func(b *bytes.Buffer) error { return back.Write(b) }
		}) {
			t.Fatal("written twice, it differs")
		}
	})
}
