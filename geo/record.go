package geo

import (
	"strconv"
	"strings"
)

// A record is what a database says about a network: as much of it as we read.
type record interface {
	reset()
	place() (country string, as uint32)
}

// A nested record has its country as a map, as those of MaxMind have.
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

// A flat record has its country as a string: a name beside the code, or the
// code itself.
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

// An organization is what a record calls an autonomous system: MaxMind and DB-IP, and
// IPinfo in two ways.
type organization struct {
	Organization string `maxminddb:"autonomous_system_organization"`
	ASName       string `maxminddb:"as_name"`
	Name         string `maxminddb:"name"`
}

// firstCountry returns the first of codes that is one, in capitals.
func firstCountry(codes ...string) string {
	for _, c := range codes {
		if len(c) == 2 && isLetter(c[0]) && isLetter(c[1]) {
			return strings.ToUpper(c)
		}
	}
	return ""
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// system returns the number of an autonomous system that is given as such, or
// else in words: "AS64496".
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
