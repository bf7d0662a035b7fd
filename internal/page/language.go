package page

import "strings"

// maxLanguages is how much of an Accept-Language header is read. Browsers send
// about 50 bytes.
const maxLanguages = 256

// Language returns the one of the known languages, in small letters, that an
// Accept-Language header wants most, and fallback if it wants none of them. Of a
// tag only what stands before the first hyphen counts.
func Language(header string, known func(string) bool, fallback string) string {
	best, weight := fallback, 0
	for part := range strings.SplitSeq(header[:min(len(header), maxLanguages)], ",") {
		tag, params, _ := strings.Cut(part, ";")
		tag, _, _ = strings.Cut(strings.TrimSpace(tag), "-")
		tag = strings.ToLower(tag)
		if q := quality(params); q > weight && known(tag) {
			best, weight = tag, q
		}
	}
	return best
}
