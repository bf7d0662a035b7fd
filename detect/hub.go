package detect

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A hubIndex is CrowdSec's index of its hub, as far as it concerns scenarios. It
// lists files, not scenarios, of which a file may hold several.
type hubIndex struct {
	folder   string
	versions map[string]string // by digest
	files    map[string]bool   // by path below folder
}

// A hubItem is an item of the index as it is written.
type hubItem struct {
	Path     string `json:"path"`
	Versions map[string]struct {
		Digest string `json:"digest"`
	} `json:"versions"`
}

// tainted is the version that CrowdSec gives to a file of the hub that somebody
// has changed.
const tainted = "?"

// hubIndexes finds the indexes, which stand in a folder above the files, and
// reads each once.
type hubIndexes map[string]*hubIndex

// maxHubDepth is how far above a file its index may be: hub/scenarios/author.
const maxHubDepth = 4

// of returns the index that a file belongs to, or nil. An index that cannot be read
// is none: scenarios then have no version, which harms nobody.
func (x hubIndexes) of(file string) *hubIndex {
	folder := filepath.Dir(file)
	for range maxHubDepth {
		if index := x.read(filepath.Join(folder, ".index.json")); index != nil {
			return index
		}
		folder = filepath.Dir(folder)
	}
	return nil
}

func (x hubIndexes) read(name string) *hubIndex {
	if index, known := x[name]; known {
		return index
	}
	x[name] = nil
	content, err := readFile(os.DirFS(filepath.Dir(name)), filepath.Base(name))
	if err != nil {
		return nil
	}
	var list struct {
		Scenarios map[string]hubItem `json:"scenarios"`
	}
	if json.Unmarshal(content, &list) != nil {
		return nil
	}
	index := &hubIndex{filepath.Dir(name), make(map[string]string), make(map[string]bool)}
	for _, item := range list.Scenarios {
		index.files[item.Path] = true
		for version, v := range item.Versions {
			if old, twice := index.versions[v.Digest]; !twice || newer(version, old) {
				index.versions[v.Digest] = version
			}
		}
	}
	x[name] = index
	return index
}

// newer reports whether version a, such as 0.10, is newer than b.
func newer(a, b string) bool {
	return slices.Compare(numbers(a), numbers(b)) > 0
}

func numbers(version string) []int {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // what is no number counts as 0
		all = append(all, n)
	}
	return all
}

// origin returns the hash and the version that CrowdSec would report for the
// scenarios of a file. One that is not in the index is the operator's own and has
// neither.
func (i *hubIndex) origin(file, hash string) (string, string) {
	if i == nil {
		return hash, ""
	}
	if version, ok := i.versions[hash]; ok {
		return hash, version
	}
	path, err := filepath.Rel(i.folder, file)
	if err != nil || !i.files[filepath.ToSlash(path)] {
		return "", ""
	}
	return hash, tainted
}
