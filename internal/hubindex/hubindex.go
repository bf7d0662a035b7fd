// Package hubindex reads CrowdSec's index of its hub: which files are from there, and in which
// version.
package hubindex

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-project/tocsin/internal/files"
)

// An Index lists the files of scenarios, parsers, rules and other items. One file may contain
// several scenarios. Of a nil Index nothing is known.
type Index struct {
	folder   string
	versions map[string]string // by digest
	files    map[string]string // names, by path below folder
	broken   bool              // the index cannot be read, so all files below may be the hub's
}

// An item is an item of the index in its JSON form.
type item struct {
	Path     string `json:"path"`
	Versions map[string]struct {
		Digest string `json:"digest"`
	} `json:"versions"`
}

// tainted is the version that CrowdSec gives to a file of the hub that was changed locally.
const tainted = "?"

// Indexes finds the indexes, which are in a folder above the files, and reads each once.
type Indexes map[string]*Index

const (
	maxDepth = 4        // how far above a file its index may be: hub/scenarios/author
	maxSize  = 32 << 20 // bytes
)

// Of returns the index for a file, or nil. The file must not be a link.
func (x Indexes) Of(file string) *Index {
	folder := filepath.Dir(file)
	for range maxDepth {
		if index := x.read(filepath.Join(folder, ".index.json")); index != nil {
			return index
		}
		folder = filepath.Dir(folder)
	}
	return nil
}

func (x Indexes) read(name string) *Index {
	if index, known := x[name]; known {
		return index
	}
	x[name] = nil
	content, err := files.Read(os.DirFS(filepath.Dir(name)), filepath.Base(name), maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	index := &Index{folder: filepath.Dir(name), versions: make(map[string]string), files: make(map[string]string)}
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
func (i *Index) add(text json.RawMessage) {
	var items map[string]item
	if json.Unmarshal(text, &items) != nil {
		return
	}
	for name, one := range items {
		i.files[one.Path] = name
		for version, v := range one.Versions {
			if old, twice := i.versions[v.Digest]; !twice || newer(version, old) {
				i.versions[v.Digest] = version
			}
		}
	}
}

// Item reports whether a file belongs to the hub, and its name there, if known. A file that
// was changed locally still belongs to the hub.
func (i *Index) Item(file, hash string) (name string, ok bool) {
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

// Origin returns the hash and the version that CrowdSec reports for a file with this SHA-256.
// A file that is not in the index is the operator's own, and has neither.
func (i *Index) Origin(file, hash string) (string, string) {
	if i == nil || i.broken {
		return hash, ""
	}
	if version, ok := i.versions[hash]; ok {
		return hash, version
	}
	if _, ok := i.Item(file, hash); !ok {
		return "", ""
	}
	return hash, tainted
}
