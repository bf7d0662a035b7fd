package detect

import (
	"fmt"
	"slices"
	"testing"
)

// Missing embedded files do not count as a search for numbers, if the site has sent
// pictures of the same kind to any client.
func TestMissingPartsOfPagesAreNoSearch(t *testing.T) {
	tile := func(i, status int, media, dest string) act {
		a := act{
			target: fmt.Sprint("/arcgis/tile/12/1345/", 2000+i), status: status, kind: media, size: 700 + int64(i), agent: chrome,
			header: "Sec-Fetch-Site: same-origin|Sec-Fetch-Dest: " + dest,
		}
		return a
	}
	tiles := func(from, n, status int, media, dest string) []act {
		return acts(n, 0.02, func(i int) act { return tile(from+i, status, media, dest) })
	}
	by := func(client string, list []act) []act {
		for i := range list {
			list[i].from = client
		}
		return list
	}
	for _, row := range []struct {
		name string
		acts []act
		at   int // of the first alert; 0: none
	}{
		{"a map that ends at the sea", slices.Concat(tiles(0, 12, 200, "image/png", "image"), tiles(12, 90, 404, "", "image")), 0},
		{"others have seen the land", slices.Concat(by("198.51.100.7", tiles(0, 1, 200, "image/png", "image")), tiles(12, 90, 404, "", "image")), 0},
		{"nobody has got a picture there", tiles(12, 90, 404, "", "image"), 46},
		{"what was there is no picture", slices.Concat(tiles(0, 12, 200, "application/json", "image"), tiles(12, 90, 404, "", "image")), 58},
		{"who asks for it as a page", slices.Concat(tiles(0, 1, 200, "image/png", "image"), tiles(12, 90, 404, "", "document")), 47},
	} {
		if at := firstAnswer(builtinRules(t), conduct{row.name, row.acts}.events(false)); at != row.at {
			t.Errorf("%s: answered at %d, want %d", row.name, at, row.at)
		}
	}
}
