package geo

import (
	"cmp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPackPostal(t *testing.T) {
	for _, same := range [][]string{
		{"K1A 0B1", "k1a0b1", "K1A-0B1", " K1A  0B1 "}, {"10001-1234", "100011234"}, {"75001 CEDEX 05", "75001cedex05"}, {"S.W.1", "sw1"},
	} {
		want, _, ok := packPostal(same[0])
		if !ok {
			t.Fatalf("%q is no postal code", same[0])
		}
		for _, s := range same[1:] {
			if got, _, ok := packPostal(s); !ok || got != want {
				t.Errorf("%q is not %q", s, same[0])
			}
		}
	}
	for _, bad := range []string{"", " ", "-", "1_2", "ß", "12\x00", "1234567890123", "１"} {
		if _, _, ok := packPostal(bad); ok {
			t.Errorf("%q is a postal code", bad)
		}
	}
}

func TestPostalKeysSortAsTheCodes(t *testing.T) {
	code := rapid.StringMatching(`[0-9A-Z]{1,12}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := code.Draw(t, "a"), code.Draw(t, "b")
		ka, n, aok := packPostal(a)
		kb, _, bok := packPostal(b)
		if !aok || !bok || n != len(a) {
			t.Fatalf("%q (%d), %q: %v, %v", a, n, b, aok, bok)
		}
		if got, want := cmp.Compare(ka, kb), strings.Compare(a, b); got != want {
			t.Errorf("%q and %q compare as %d, want %d", a, b, got, want)
		}
		part := rapid.IntRange(1, len(a)).Draw(t, "part")
		if k, _, _ := packPostal(a[:part]); ka.prefix(part) != k {
			t.Errorf("prefix %d of %q is not the key of %q", part, a, a[:part])
		}
	})
}

// TestLargerAreas looks whole codes up in tables that hold only what free postal files have.
func TestLargerAreas(t *testing.T) {
	p := mustReadPlaces(t, postalLine("CA", "K1A", "ON", 45, -75, "6", "")+postalLine("GB", "SW1A", "ENG", 51.5, -0.1, "4", "")+
		postalLine("GB", "M1", "ENG", 53.5, -2.2, "4", "")+postalLine("IE", "D02", "", 53.3, -6.2, "4", "")+postalLine("NL", "1012", "", 52.4, 4.9, "4", "")+
		postalLine("PT", "1000", "11", 38.7, -9.1, "4", "")+postalLine("BR", "01310-000", "27", -23.5, -46.6, "4", "")+
		postalLine("AR", "C1425", "07", -34.6, -58.4, "4", "")+postalLine("MT", "VLT", "", 35.9, 14.5, "4", "")+postalLine("FR", "75001", "11", 48.9, 2.3, "5", ""))
	for _, c := range []struct{ country, postal, want string }{
		{"CA", "K1A 0B1", "K1A"}, {"CA", "k1a", "K1A"}, {"GB", "SW1A 1AA", "SW1A"}, {"gb", "m1 1ae", "M1"}, {"IE", "D02 X285", "D02"},
		{"NL", "1012 AB", "1012"}, {"PT", "1000-205", "1000"}, {"BR", "01310-100", "01310-000"}, {"AR", "C1425ABC", "C1425"}, {"MT", "VLT 1117", "VLT"}, {"FR", "75001", "75001"},
		{"CA", "K2A 0B1", ""}, {"CA", "K1A 0B", ""}, {"GB", "M2 1AE", ""}, {"BR", "01311-100", ""}, {"FR", "75001-1234", ""}, {"JE", "JE2 3AB", ""},
	} {
		r, ok := p.Lookup(c.country, c.postal)
		switch {
		case ok != (c.want != ""):
			t.Errorf("%s %q: found %v, want %q", c.country, c.postal, ok, c.want)
		case ok && p.Postal(r) != c.want:
			t.Errorf("%s %q is found as %q, want %q", c.country, c.postal, p.Postal(r), c.want)
		}
	}
}

func TestPackCountry(t *testing.T) {
	for _, s := range []string{"US", "us", "uS", "ZZ", "aa"} {
		if k, ok := packCountry(s); !ok || k.String() != strings.ToUpper(s) || k >= countryKeys {
			t.Errorf("%q: %v, %v", s, k, ok)
		}
	}
	for _, s := range []string{"", "U", "USA", "U1", "1U", "U ", "@A", "A@", "[A", "A{", "\x01A", "é"} {
		if k, ok := packCountry(s); ok {
			t.Errorf("%q is the country %v", s, k)
		}
	}
}
