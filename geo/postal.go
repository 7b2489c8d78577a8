package geo

// MaxPostal is the number of letters and digits that a postal code may have. The longest in use, French CEDEX codes
// such as "75001 CEDEX 05", have exactly as many.
const MaxPostal = 12

// A postalKey is a postal code without its spaces, hyphens and case: up to MaxPostal letters and digits as one number
// to the base of 37, first character in the highest place, so that keys sort as the codes do and all codes with a
// common beginning are neighbours. 0 is no code.
type postalKey uint64

// pow37[n] is 37 to the power n.
var pow37 = func() (pow [MaxPostal + 1]postalKey) {
	pow[0] = 1
	for i := 1; i < len(pow); i++ {
		pow[i] = pow[i-1] * 37
	}
	return pow
}()

// packPostal returns the key of a postal code and its number of letters and digits. ok is false for a code that has
// none or too many of them, or any character but ASCII letters, digits, space, hyphen and full stop.
func packPostal(s string) (key postalKey, n int, ok bool) {
	for i := range len(s) {
		var digit postalKey
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digit = postalKey(c-'0') + 1
		case c >= 'A' && c <= 'Z':
			digit = postalKey(c-'A') + 11
		case c >= 'a' && c <= 'z':
			digit = postalKey(c-'a') + 11
		case c == ' ' || c == '-' || c == '.':
			continue
		default:
			return 0, 0, false
		}
		if n == MaxPostal {
			return 0, 0, false
		}
		key = key*37 + digit
		n++
	}
	if n == 0 {
		return 0, 0, false
	}
	return key * pow37[MaxPostal-n], n, true
}

// prefix returns the key of the first n characters of the code.
func (k postalKey) prefix(n int) postalKey { return k - k%pow37[MaxPostal-n] }

// digits returns the code as a number if it is exactly width digits long, else ok is false.
func (k postalKey) digits(width int) (number int, ok bool) {
	if k%pow37[MaxPostal-width] != 0 {
		return 0, false
	}
	for i := 1; i <= width; i++ {
		d := k / pow37[MaxPostal-i] % 37
		if d < 1 || d > 10 {
			return 0, false
		}
		number = number*10 + int(d) - 1
	}
	return number, true
}

// larger returns the key of the larger area that free postal files list where they do not list a whole code of n
// characters: the ZIP of a ZIP+4, the forward sortation area of a Canadian code, the outward part of a British one,
// the routing key of an Irish one, the digits of a Dutch one, the first part of a Portuguese, Argentinian or Maltese
// one, the "-000" of a Brazilian one. ok is false where there is none.
// Source: readme of the GeoNames postal code files.
func (k postalKey) larger(country string, n int) (area postalKey, ok bool) {
	switch {
	case country == "US" && n == 9, country == "AR" && n == 8:
		return k.prefix(5), true
	case country == "CA" && n == 6, country == "IE" && n == 7, country == "MT" && n == 7:
		return k.prefix(3), true
	case country == "NL" && n == 6, country == "PT" && n == 7:
		return k.prefix(4), true
	case (country == "GB" || country == "JE" || country == "GG" || country == "IM") && n >= 5 && n <= 7:
		return k.prefix(n - 3), true
	case country == "BR" && n == 8:
		return k.prefix(5) + pow37[MaxPostal-6] + pow37[MaxPostal-7] + pow37[MaxPostal-8], true // the digit 0 is a 1
	}
	return 0, false
}

// A countryKey is an ISO 3166-1 alpha-2 code as a number from 0 to 675.
type countryKey uint16

const countryKeys = 26 * 26

// packCountry returns the key of a country code of two ASCII letters in either case.
func packCountry(s string) (key countryKey, ok bool) {
	if len(s) != 2 {
		return 0, false
	}
	a, b := s[0]|0x20, s[1]|0x20 // letters to lower case; what else this maps to a letter is sorted out next
	if a < 'a' || a > 'z' || b < 'a' || b > 'z' || s[0] < 'A' || s[1] < 'A' {
		return 0, false
	}
	return countryKey(a-'a')*26 + countryKey(b-'a'), true
}

// String returns the code in capitals: "US".
func (k countryKey) String() string { return string([]byte{'A' + byte(k/26), 'A' + byte(k%26)}) }

// servedByUSPS tells whether a country code names a territory or freely associated state whose addresses have US ZIP
// codes, and which shops therefore write now as country "PR", now as country "US" with state "PR".
func servedByUSPS(country countryKey) bool {
	switch country.String() {
	case "PR", "VI", "GU", "AS", "MP", "FM", "MH", "PW", "UM":
		return true
	}
	return false
}
