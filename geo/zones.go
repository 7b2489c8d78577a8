package geo

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // time zones must be known on machines that have no zone files of their own
)

// countryZones gives each country's time zone, for countries that have one, and for those whose other zones keep the
// same time (Argentina, China, Cyprus, Germany, Malaysia, Palestine, Ukraine but for Crimea, Uzbekistan) or are told
// apart by regionZones. Countries that are missing have zones that a region does not tell.
// Source: zone.tab of the tz database 2025b, which is in the public domain.
const countryZones = `
AD Europe/Andorra; AE Asia/Dubai; AF Asia/Kabul; AG America/Antigua; AI America/Anguilla; AL Europe/Tirane;
AM Asia/Yerevan; AO Africa/Luanda; AR America/Argentina/Buenos_Aires; AS Pacific/Pago_Pago; AT Europe/Vienna;
AW America/Aruba; AX Europe/Mariehamn; AZ Asia/Baku; BA Europe/Sarajevo; BB America/Barbados; BD Asia/Dhaka;
BE Europe/Brussels; BF Africa/Ouagadougou; BG Europe/Sofia; BH Asia/Bahrain; BI Africa/Bujumbura;
BJ Africa/Porto-Novo; BL America/St_Barthelemy; BM Atlantic/Bermuda; BN Asia/Brunei; BO America/La_Paz;
BQ America/Kralendijk; BR America/Sao_Paulo; BS America/Nassau; BT Asia/Thimphu; BW Africa/Gaborone;
BY Europe/Minsk; BZ America/Belize; CC Indian/Cocos; CF Africa/Bangui; CG Africa/Brazzaville; CH Europe/Zurich;
CI Africa/Abidjan; CK Pacific/Rarotonga; CL America/Santiago; CM Africa/Douala; CN Asia/Shanghai;
CO America/Bogota; CR America/Costa_Rica; CU America/Havana; CV Atlantic/Cape_Verde; CW America/Curacao;
CX Indian/Christmas; CY Asia/Nicosia; CZ Europe/Prague; DE Europe/Berlin; DJ Africa/Djibouti;
DK Europe/Copenhagen; DM America/Dominica; DO America/Santo_Domingo; DZ Africa/Algiers; EC America/Guayaquil;
EE Europe/Tallinn; EG Africa/Cairo; EH Africa/El_Aaiun; ER Africa/Asmara; ES Europe/Madrid;
ET Africa/Addis_Ababa; FI Europe/Helsinki; FJ Pacific/Fiji; FK Atlantic/Stanley; FO Atlantic/Faroe;
FR Europe/Paris; GA Africa/Libreville; GB Europe/London; GD America/Grenada; GE Asia/Tbilisi; GF America/Cayenne;
GG Europe/Guernsey; GH Africa/Accra; GI Europe/Gibraltar; GM Africa/Banjul; GN Africa/Conakry;
GP America/Guadeloupe; GQ Africa/Malabo; GR Europe/Athens; GS Atlantic/South_Georgia; GT America/Guatemala;
GU Pacific/Guam; GW Africa/Bissau; GY America/Guyana; HK Asia/Hong_Kong; HN America/Tegucigalpa;
HR Europe/Zagreb; HT America/Port-au-Prince; HU Europe/Budapest; IE Europe/Dublin; IL Asia/Jerusalem;
IM Europe/Isle_of_Man; IN Asia/Kolkata; IO Indian/Chagos; IQ Asia/Baghdad; IR Asia/Tehran; IS Atlantic/Reykjavik;
IT Europe/Rome; JE Europe/Jersey; JM America/Jamaica; JO Asia/Amman; JP Asia/Tokyo; KE Africa/Nairobi;
KG Asia/Bishkek; KH Asia/Phnom_Penh; KM Indian/Comoro; KN America/St_Kitts; KP Asia/Pyongyang; KR Asia/Seoul;
KW Asia/Kuwait; KY America/Cayman; LA Asia/Vientiane; LB Asia/Beirut; LC America/St_Lucia; LI Europe/Vaduz;
LK Asia/Colombo; LR Africa/Monrovia; LS Africa/Maseru; LT Europe/Vilnius; LU Europe/Luxembourg; LV Europe/Riga;
LY Africa/Tripoli; MA Africa/Casablanca; MC Europe/Monaco; MD Europe/Chisinau; ME Europe/Podgorica;
MF America/Marigot; MG Indian/Antananarivo; MK Europe/Skopje; ML Africa/Bamako; MM Asia/Yangon; MO Asia/Macau;
MP Pacific/Saipan; MQ America/Martinique; MR Africa/Nouakchott; MS America/Montserrat; MT Europe/Malta;
MU Indian/Mauritius; MV Indian/Maldives; MW Africa/Blantyre; MX America/Mexico_City; MY Asia/Kuala_Lumpur;
MZ Africa/Maputo; NA Africa/Windhoek; NC Pacific/Noumea; NE Africa/Niamey; NF Pacific/Norfolk; NG Africa/Lagos;
NI America/Managua; NL Europe/Amsterdam; NO Europe/Oslo; NP Asia/Kathmandu; NR Pacific/Nauru; NU Pacific/Niue;
NZ Pacific/Auckland; OM Asia/Muscat; PA America/Panama; PE America/Lima; PH Asia/Manila; PK Asia/Karachi;
PL Europe/Warsaw; PM America/Miquelon; PN Pacific/Pitcairn; PR America/Puerto_Rico; PS Asia/Hebron;
PT Europe/Lisbon; PW Pacific/Palau; PY America/Asuncion; QA Asia/Qatar; RE Indian/Reunion; RO Europe/Bucharest;
RS Europe/Belgrade; RW Africa/Kigali; SA Asia/Riyadh; SB Pacific/Guadalcanal; SC Indian/Mahe; SD Africa/Khartoum;
SE Europe/Stockholm; SG Asia/Singapore; SH Atlantic/St_Helena; SI Europe/Ljubljana; SJ Arctic/Longyearbyen;
SK Europe/Bratislava; SL Africa/Freetown; SM Europe/San_Marino; SN Africa/Dakar; SO Africa/Mogadishu;
SR America/Paramaribo; SS Africa/Juba; ST Africa/Sao_Tome; SV America/El_Salvador; SX America/Lower_Princes;
SY Asia/Damascus; SZ Africa/Mbabane; TC America/Grand_Turk; TD Africa/Ndjamena; TF Indian/Kerguelen;
TG Africa/Lome; TH Asia/Bangkok; TJ Asia/Dushanbe; TK Pacific/Fakaofo; TL Asia/Dili; TM Asia/Ashgabat;
TN Africa/Tunis; TO Pacific/Tongatapu; TR Europe/Istanbul; TT America/Port_of_Spain; TV Pacific/Funafuti;
TW Asia/Taipei; TZ Africa/Dar_es_Salaam; UA Europe/Kyiv; UG Africa/Kampala; UY America/Montevideo;
UZ Asia/Tashkent; VA Europe/Vatican; VC America/St_Vincent; VE America/Caracas; VG America/Tortola;
VI America/St_Thomas; VN Asia/Ho_Chi_Minh; VU Pacific/Efate; WF Pacific/Wallis; WS Pacific/Apia; YE Asia/Aden;
YT Indian/Mayotte; ZA Africa/Johannesburg; ZM Africa/Lusaka; ZW Africa/Harare
`

// regionZones gives the time zone of the regions that differ from countryZones, or of every region of a country that
// is not there, by country and then by the region's GeoNames code or name. Where a region keeps more than one time
// this is the time of most of its people; column 13 of a postal file can say better. Sources: zone.tab as above, and
// for Canada and Australia the provinces' and states' own law.
var regionZones = map[string]string{
	"AU ACT": "Australia/Sydney", "AU NSW": "Australia/Sydney", "AU VIC": "Australia/Melbourne",
	"AU QLD": "Australia/Brisbane", "AU SA": "Australia/Adelaide", "AU NT": "Australia/Darwin",
	"AU WA": "Australia/Perth", "AU TAS": "Australia/Hobart",
	"AU Australian Capital Territory": "Australia/Sydney", "AU New South Wales": "Australia/Sydney",
	"AU Victoria": "Australia/Melbourne", "AU Queensland": "Australia/Brisbane",
	"AU South Australia": "Australia/Adelaide", "AU Northern Territory": "Australia/Darwin",
	"AU Western Australia": "Australia/Perth", "AU Tasmania": "Australia/Hobart",

	"BR Acre": "America/Rio_Branco", "BR Amazonas": "America/Manaus", "BR Rondônia": "America/Porto_Velho",
	"BR Rondonia": "America/Porto_Velho", "BR Roraima": "America/Boa_Vista", "BR Mato Grosso": "America/Cuiaba",
	"BR Mato Grosso do Sul": "America/Campo_Grande",

	"CA NL": "America/St_Johns", "CA NS": "America/Halifax", "CA PE": "America/Halifax", "CA NB": "America/Moncton",
	"CA QC": "America/Toronto", "CA ON": "America/Toronto", "CA MB": "America/Winnipeg", "CA SK": "America/Regina",
	"CA AB": "America/Edmonton", "CA BC": "America/Vancouver", "CA YT": "America/Whitehorse",
	"CA NT": "America/Yellowknife", "CA NU": "America/Iqaluit",

	"CL Magallanes": "America/Punta_Arenas", "CL Magallanes y Antártica Chilena": "America/Punta_Arenas",
	"EC Galápagos": "Pacific/Galapagos", "EC Galapagos": "Pacific/Galapagos",
	"ES CN": "Atlantic/Canary", "ES Canarias": "Atlantic/Canary",

	"MX Baja California": "America/Tijuana", "MX Baja California Sur": "America/Mazatlan",
	"MX Nayarit": "America/Mazatlan", "MX Sinaloa": "America/Mazatlan", "MX Sonora": "America/Hermosillo",
	"MX Quintana Roo": "America/Cancun",

	"NZ Chatham Islands": "Pacific/Chatham", "PT Azores": "Atlantic/Azores", "PT Açores": "Atlantic/Azores",
	"PT Madeira": "Atlantic/Madeira",
}

var zoneOfCountry = sync.OnceValue(func() map[string]string {
	zones := map[string]string{}
	for entry := range strings.SplitSeq(countryZones, ";") {
		country, zone, _ := strings.Cut(strings.TrimSpace(entry), " ")
		zones[country] = zone
	}
	return zones
})

// regionalZone returns the time zone of a region, given by its code and name, of a country, or "" where country and
// region do not tell.
func regionalZone(country, code, name string) string {
	if zone := regionZones[country+" "+code]; zone != "" {
		return zone
	}
	if zone := regionZones[country+" "+name]; zone != "" {
		return zone
	}
	return zoneOfCountry()[country]
}

// knownZone reports whether name is a time zone of the tz database.
func knownZone(name string) bool {
	if name == "" || name == "Local" { // LoadLocation takes them for UTC and for the machine's own zone
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}
