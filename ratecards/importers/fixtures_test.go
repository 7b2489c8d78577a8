package importers

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-engine/allot/faults"
)

// The fixtures have the layouts of the carriers' files and made-up figures, so that a clone without the published
// files tests every path. Each is a function of its arguments alone.

// groundSheet is a Ground Advantage price file. A price is 4.00 + 0.10 a step + 1.00 a zone.
func groundSheet() string {
	var b strings.Builder
	b.WriteString("USPS Ground Advantage,Final,,4/7/2026\r\nRetail,,,,,,,,,\r\nWeight Not Over (ounces),Zones,,,,,,,,\r\n")
	b.WriteString(",Zone 1,Zone 2,Zone 3,Zone 4,Zone 5,Zone 6,Zone 7,Zone 8,Zone 9\r\n")
	step := 0
	row := func(name string) {
		b.WriteString(name)
		for z := 1; z <= 9; z++ {
			fmt.Fprintf(&b, ",%s", groundPrice(step, z))
		}
		b.WriteString("\r\n")
		step++
	}
	for _, oz := range []string{"4", "8", "12", "15.999000000000001"} {
		row(oz)
	}
	b.WriteString("Weight Not Over (pounds),-,-,-,-,-,-,-,-,-\r\n")
	for lb := 1; lb <= 70; lb++ {
		row(fmt.Sprint(lb))
	}
	row("Oversized")
	b.WriteString("\"Parcels exceeding one cubic foot are charged on the actual weight or the dimensional weight, whichever is greater. \"\r\n")
	b.WriteString("Nonstandard Length fee > 22\"<=30\",4.50,,\r\nNonstandard Length fee > 30\",10.00,,\r\n")
	b.WriteString("Nonstandard Volume fee > 2 cu. ft.,21.00,,\r\nLive Animal and Perishable Handling Fee,7.50\r\nNonstandard Characteristic fee,4.25\r\n")
	return b.String()
}

// groundPrice is the price of groundSheet in a step from 0: four of ounces, 70 of pounds, then oversized.
func groundPrice(step, zone int) string {
	cents := 400 + 10*step + 100*zone
	return fmt.Sprintf("%d.%02d", cents/100, cents%100)
}

// prioritySheet is a Priority Mail price file with the same prices by the pound, from step 0.
func prioritySheet() string {
	var b strings.Builder
	b.WriteString("Priority Mail - Retail,,Final,,4/7/2026\r\n,\r\nFlat Rate Envelopes,12.90,,,\r\nLegal Flat Rate Envelope,13.25,,\r\n")
	b.WriteString("Padded Flat Rate Envelope,14.00,,\r\nSmall Flat Rate Box,13.65,,\r\nMedium Flat Rate Boxes,24.80,,\r\nLarge Flat Rate Boxes,34.00,,\r\n")
	b.WriteString("APO/FPO/DPO Large Flat Rate Box,32.55,,\r\n,,,\r\n\"Letters, Large Envelopes, Parcels\",,,\r\nWeight Not Over (Lbs),Zones,,\r\n")
	b.WriteString(",Zone 1,Zone 2,Zone 3,Zone 4,Zone 5,Zone 6,Zone 7,Zone 8,Zone 9,,,\r\n")
	for lb := 1; lb <= 70; lb++ {
		fmt.Fprintf(&b, "%d", lb)
		for z := 1; z <= 9; z++ {
			fmt.Fprintf(&b, ",%s", groundPrice(lb-1, z))
		}
		b.WriteString(",,,,\r\n")
	}
	b.WriteString("Nonstandard Length fee > 22\"<=30\",,,4.50,,\r\nNonstandard Length fee > 30\",21.00,,\r\nNonstandard Volume fee > 2 cu. ft.,35.00,,\r\n")
	return b.String()
}

// mediaSheet is a Media Mail price file: one price for all zones, 4.00 + 0.75 a pound.
func mediaSheet() string {
	var b strings.Builder
	b.WriteString("Media Mail,,,Final,,4/7/2026,,\r\n,\r\nWeight Not Over (lbs),Single Piece\r\n")
	for lb := 1; lb <= 70; lb++ {
		fmt.Fprintf(&b, "%d,%d.%02d\r\n", lb, (400+75*lb)/100, (400+75*lb)%100)
	}
	b.WriteString("\r\n")
	return b.String()
}

// uspsChart is a zone chart of origin 070 as saved beside its request.
const uspsChart = `{
  "originMin": "07000", "originMax": "07099", "effectiveDateRaw": "April 1, 2024",
  "zip3s": [
    {"ZipCodes": "005", "Zone": "2*", "MailService": ""},
    {"ZipCodes": "006---009", "Zone": "7", "MailService": ""},
    {"ZipCodes": "090---099", "Zone": "1*+", "MailService": ""},
    {"ZipCodes": "100---104", "Zone": "1*", "MailService": ""},
    {"ZipCodes": "969", "Zone": "9+", "MailService": ""}
  ],
  "zip5s": [
    {"ZipCodes": "09000---09999", "Zone": "5", "MailService": "Priority Mail service"},
    {"ZipCodes": "09000---09999", "Zone": "5", "MailService": "USPS Ground Advantage (< 16 oz.)"},
    {"ZipCodes": "96900---96938", "Zone": "8", "MailService": ""}
  ]
}`

// uspsChartRaw is the same chart in the shape in which the service answers.
const uspsChartRaw = `{"ZIPCodeError":"","ShippingDateError":"","PageError":"","EffectiveDate":"April 1, 2024",
 "Column0":[{"ZipCodes":"005","Zone":"2*","MailService":""},{"ZipCodes":"006---009","Zone":"7","MailService":""}],
 "Column1":[{"ZipCodes":"090---099","Zone":"1*+","MailService":""}],
 "Column2":[{"ZipCodes":"100---104","Zone":"1*","MailService":""}],
 "Column3":[{"ZipCodes":"969","Zone":"9+","MailService":""}],
 "Zip5Digit":[{"ZipCodes":"09000---09999","Zone":"5","MailService":"Priority Mail service"},
  {"ZipCodes":"09000---09999","Zone":"5","MailService":"USPS Ground Advantage (< 16 oz.)"},
  {"ZipCodes":"96900---96938","Zone":"8","MailService":""}]}`

// fedexChart has two origins.
const fedexChart = `{"carrier":"FedEx Ground","read":"2024-04","origins":[
 {"originMin":"07000","originMax":"07699","destinations":[
  {"destMin":"00400","destMax":"00599","type":"contiguous","zoneId":2},
  {"destMin":"01000","destMax":"01399","type":"contiguous","zoneId":3},
  {"destMin":"96700","destMax":"96700","type":"non-contiguous","expressZoneId":12,"groundZoneId":9},
  {"destMin":"99501","destMax":"99524","type":"non-contiguous","expressZoneId":9,"groundZoneId":17}]},
 {"originMin":"89123","originMax":"89130","destinations":[
  {"destMin":"00400","destMax":"00599","type":"contiguous","zoneId":8},
  {"destMin":"99501","destMax":"99524","type":"non-contiguous","groundZoneId":17}]}]}`

// zoneDays is a list with gaps, in no order.
const zoneDays = "State/Province, Dest Zip/Postal Code, Service Days, Zone\nMA,01003,3,004\nMA,01001,2,004\nMA,01002,2,004\nMA,01007,2,004\nHI,96701,7,009\nAK,99501,5,017\n"

// areaZips has ZIPs that run on and ZIPs that do not, and one without a class.
const areaZips = "zip_code,das_type_hd,das_type_sp\n01002,DAS,DAS\n01003,DAS,DAS\n01004,,\n01005,DAS_EXTENDED,\n96701,DAS_HAWAII,DAS_HAWAII\n"

// holidayRows has a country, a region, a bank holiday, and a day with two names.
const holidayRows = `country,region,date,name,type
US,,2026-11-26,Thanksgiving Day,public
US,,2026-12-25,Christmas Day,public
US,,2026-11-11,Veterans Day,bank
GB,SCT,2026-01-01,New Year's Day,public
GB,SCT,2026-01-02,2 January,public
GB,SCT,2026-01-02,Second day,public
`

// fedexRates is a rate file of two services: ground with home delivery, and Standard Overnight under both its names,
// with an envelope, prices by the pound, a range of zones, and zone 9 priced 0.00, which means not served.
func fedexRates() string {
	var b strings.Builder
	b.WriteString("service,weight_label,weight_lb_from,weight_lb_to,basis,zone,price_usd\n")
	for lb := 1; lb <= 150; lb++ {
		for _, zone := range []string{"2", "8", "17"} {
			fmt.Fprintf(&b, "FedEx Ground and FedEx Home Delivery (Contiguous U.S.; Alaska),%d,%d,%d,flat,%s,%s\n", lb, lb-1, lb, zone, fedexPrice(lb, zone))
		}
	}
	for _, zone := range []string{"2", "13–16"} {
		fmt.Fprintf(&b, "FedEx Standard Overnight®,FedEx® Envelope up to 8 oz.,0,0.5,flat_envelope,%s,20.00\n", zone)
	}
	for lb := 1; lb <= 150; lb++ {
		for _, zone := range []string{"2", "13–16"} {
			fmt.Fprintf(&b, "FedEx Standard Overnight®,%d,%d,%d,flat,%s,%d.00\n", lb, lb-1, lb, zone, 30+2*lb)
		}
		fmt.Fprintf(&b, "FedEx Standard Overnight®,%d,%d,%d,flat,9,0.00\n", lb, lb-1, lb)
	}
	for _, zone := range []string{"2", "13–16"} {
		fmt.Fprintf(&b, "Standard Overnight®,100–499 lbs.,100,499,per_lb,%s,2.50\n", zone)
		fmt.Fprintf(&b, "Standard Overnight®,\"500+ lbs.\",500,,per_lb,%s,2.25\n", zone)
	}
	for _, zone := range []string{"2", "8"} {
		fmt.Fprintf(&b, "FedEx 1Day® Freight,151–499 lbs.,151,499,per_lb,%s,1.90\n", zone)
		fmt.Fprintf(&b, "FedEx 1Day® Freight,500+ lbs.,500,,per_lb,%s,1.70\n", zone)
	}
	return b.String()
}

func fedexPrice(lb int, zone string) string {
	cents := 1000 + 25*lb + 100*len(zone)
	if zone == "8" {
		cents += 500
	}
	return fmt.Sprintf("%d.%02d", cents/100, cents%100)
}

// write puts text into a file of a new directory and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if _, err := zw.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// mustRun imports and fails the test on any fault.
func mustRun(t testing.TB, kind string, files []string, opt Options) Report {
	t.Helper()
	rep, err := Run(kind, files, opt)
	if err != nil {
		t.Fatalf("Run(%s): %v", kind, err)
	}
	return rep
}

// tree returns every file below dir with its text.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// shared returns a path among the published files, which are kept outside the repository, and skips the test where
// they are not there.
func shared(t testing.TB, path string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	full := filepath.Join(dir, "..", "shared", filepath.FromSlash(path))
	if _, err := os.Stat(full); err != nil {
		t.Skipf("the published file %s is not beside the repository; the made-up fixtures test the same layout", path)
	}
	return full
}

// faultText returns the faults that a parser found, one a line.
func faultText(fl *faults.List) string {
	if err := fl.Err(); err != nil {
		return err.Error()
	}
	return ""
}

// damage returns n texts made from text by cutting, doubling, dropping and overwriting pieces of it.
func damage(text string, n int, seed uint64) []string {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]string, n)
	for i := range out {
		b := []byte(text)
		for range 1 + rng.IntN(3) {
			if len(b) < 2 {
				break
			}
			at := rng.IntN(len(b))
			end := min(len(b), at+1+rng.IntN(40))
			switch rng.IntN(4) {
			case 0:
				b = b[:at]
			case 1:
				b = append(b[:at:at], b[end:]...)
			case 2:
				b = append(b[:end:end], b[at:]...)
			default:
				b[at] = byte(rng.IntN(256))
			}
		}
		out[i] = string(b)
	}
	return out
}
