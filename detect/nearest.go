package detect

import (
	"cmp"
	"slices"
	"strings"
)

// maxNearest is how many names are suggested for an unknown name.
const maxNearest = 3

// nearest returns the names most similar to name, the most similar first. At most a quarter
// of the letters of the last part may differ. The author may be any.
func nearest(name string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var all []candidate
	for _, n := range names {
		wanted, is := baseName(name), baseName(n)
		d := distance(wanted, is)
		if d <= max(1, max(len(wanted), len(is))/4) {
			all = append(all, candidate{n, d})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	var found []string
	for _, c := range all[:min(len(all), maxNearest)] {
		found = append(found, c.name)
	}
	return found
}

// baseName returns a scenario's name without its author.
func baseName(name string) string {
	name = name[:min(len(name), maxName)]
	return strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
}

// maxName is how many bytes of a name are compared.
const maxName = 100

// distance returns how many letters of a must be inserted, removed or replaced to get b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
