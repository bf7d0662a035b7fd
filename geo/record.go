package geo

import (
	"strconv"
	"strings"
)

// A record has the fields that are read of a network.
type record interface {
	reset()
	place() (country string, as uint32)
}

// A nested record has a map as its country, like those of MaxMind.
type nested struct {
	Country     nation `maxminddb:"country"`
	Registered  nation `maxminddb:"registered_country"`
	Represented nation `maxminddb:"represented_country"`
	CountryCode string `maxminddb:"country_code"`
	AS          uint32 `maxminddb:"autonomous_system_number"`
	ASN         string `maxminddb:"asn"`
}

type nation struct {
	Code string `maxminddb:"iso_code"`
}

func newNested() any { return new(nested) }

func (r *nested) reset() { *r = nested{} }

func (r *nested) place() (country string, as uint32) {
	return firstCountry(r.Country.Code, r.Registered.Code, r.Represented.Code, r.CountryCode), system(r.AS, r.ASN)
}

// A flat record has a string as its country: a name next to the code, or the code
// itself.
type flat struct {
	Country     string `maxminddb:"country"`
	CountryCode string `maxminddb:"country_code"`
	AS          uint32 `maxminddb:"autonomous_system_number"`
	ASN         string `maxminddb:"asn"`
}

func newFlat() any { return new(flat) }

func (r *flat) reset() { *r = flat{} }

func (r *flat) place() (country string, as uint32) {
	return firstCountry(r.CountryCode, r.Country), system(r.AS, r.ASN)
}

// An organization has the name of an autonomous system, in the fields of MaxMind and
// DB-IP, and of IPinfo.
type organization struct {
	Organization string `maxminddb:"autonomous_system_organization"`
	ASName       string `maxminddb:"as_name"`
	Name         string `maxminddb:"name"`
}

// firstCountry returns the first valid country code, in capitals.
func firstCountry(codes ...string) string {
	for _, c := range codes {
		if len(c) == 2 && isLetter(c[0]) && isLetter(c[1]) {
			return strings.ToUpper(c)
		}
	}
	return ""
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// system returns the number of an autonomous system, given as a number or as text such
// as "AS64496".
func system(number uint32, words string) uint32 {
	if number != 0 || words == "" {
		return number
	}
	if len(words) > 2 && strings.EqualFold(words[:2], "AS") {
		words = words[2:]
	}
	n, err := strconv.ParseUint(words, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
