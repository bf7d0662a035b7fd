package detect

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A hubIndex is CrowdSec's index of its hub: of scenarios, parsers and other items. It lists
// files, and one file may contain several scenarios.
type hubIndex struct {
	folder   string
	versions map[string]string // by digest
	files    map[string]string // names, by path below folder
	broken   bool              // the index cannot be read, so all files below may be the hub's
}

// A hubItem is an item of the index in its JSON form.
type hubItem struct {
	Path     string `json:"path"`
	Versions map[string]struct {
		Digest string `json:"digest"`
	} `json:"versions"`
}

// tainted is the version that CrowdSec gives to a file of the hub that was changed locally.
const tainted = "?"

// hubIndexes finds the indexes, which are in a folder above the files, and reads each once.
type hubIndexes map[string]*hubIndex

// maxHubDepth is how far above a file its index may be: hub/scenarios/author.
const maxHubDepth = 4

// of returns the index for a file, or nil.
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
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	index := &hubIndex{folder: filepath.Dir(name), versions: make(map[string]string), files: make(map[string]string)}
	x[name] = index
	var kinds map[string]json.RawMessage // scenarios, parsers and so on
	if err != nil || json.Unmarshal(content, &kinds) != nil {
		index.broken = true
		return index
	}
	for _, items := range kinds {
		index.add(items)
	}
	return index
}

// add adds the items of a kind. Other data is ignored.
func (i *hubIndex) add(text json.RawMessage) {
	var items map[string]hubItem
	if json.Unmarshal(text, &items) != nil {
		return
	}
	for name, item := range items {
		i.files[item.Path] = name
		for version, v := range item.Versions {
			if old, twice := i.versions[v.Digest]; !twice || newer(version, old) {
				i.versions[v.Digest] = version
			}
		}
	}
}

// item reports whether a file belongs to the hub, and its name there, if known. A file that
// was changed locally still belongs to the hub.
func (i *hubIndex) item(file, hash string) (name string, ok bool) {
	switch {
	case i == nil:
		return "", false
	case i.broken:
		return "", true
	}
	if path, err := filepath.Rel(i.folder, file); err == nil {
		name, ok = i.files[filepath.ToSlash(path)]
	}
	if _, known := i.versions[hash]; known {
		ok = true
	}
	return name, ok
}

// newer reports whether version a, such as 0.10, is newer than b.
func newer(a, b string) bool {
	return slices.Compare(numbers(a), numbers(b)) > 0
}

func numbers(version string) []int {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // text that is not a number counts as 0
		all = append(all, n)
	}
	return all
}

// origin returns the hash and the version that CrowdSec would report for the scenarios of a
// file. A file that is not in the index is the operator's own, and has neither.
func (i *hubIndex) origin(file, hash string) (string, string) {
	if i == nil || i.broken {
		return hash, ""
	}
	if version, ok := i.versions[hash]; ok {
		return hash, version
	}
	if _, ok := i.item(file, hash); !ok {
		return "", ""
	}
	return hash, tainted
}
