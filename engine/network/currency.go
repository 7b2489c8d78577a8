package network

import (
	"maps"
	"slices"

	"github.com/allot-engine/allot/units"
)

// decimals are the digits after the point of a currency's minor unit, by ISO 4217 code.
//
// Source: ISO 4217 List One, column "Minor unit" (SIX Interbank Clearing, maintenance agency of the standard). The
// currencies of most parcels; one that is missing is added here.
var decimals = map[string]int{
	"AED": 2, "ARS": 2, "AUD": 2, "BDT": 2, "BGN": 2, "BOB": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CNY": 2, "COP": 2, "CRC": 2,
	"CZK": 2, "DKK": 2, "DOP": 2, "DZD": 2, "EGP": 2, "EUR": 2, "GBP": 2, "GEL": 2, "GHS": 2, "GTQ": 2, "HKD": 2, "HNL": 2,
	"HUF": 2, "IDR": 2, "ILS": 2, "INR": 2, "JMD": 2, "KES": 2, "KZT": 2, "LKR": 2, "MAD": 2, "MXN": 2, "MYR": 2, "NGN": 2,
	"NOK": 2, "NZD": 2, "PAB": 2, "PEN": 2, "PHP": 2, "PKR": 2, "PLN": 2, "QAR": 2, "RON": 2, "RSD": 2, "SAR": 2, "SEK": 2,
	"SGD": 2, "THB": 2, "TRY": 2, "TTD": 2, "TWD": 2, "TZS": 2, "UAH": 2, "USD": 2, "UYU": 2, "ZAR": 2, "ZMW": 2,

	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "VND": 0,
	"VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,

	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}

// MinorUnit returns the smallest amount a currency pays, in micros: 10,000 for "USD", 1,000,000 for "JPY". ok is false
// for a code that is not ISO 4217 or not in Allot's list of it.
func MinorUnit(currency string) (minor units.Money, ok bool) {
	digits, ok := decimals[currency]
	if !ok {
		return 0, false
	}
	minor = units.Currency
	for range digits {
		minor /= 10
	}
	return minor, true
}

// currencies returns the codes that MinorUnit knows, sorted.
func currencies() []string { return slices.Sorted(maps.Keys(decimals)) }
