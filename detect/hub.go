package detect

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// A hubIndex is CrowdSec's index of its hub, as far as it concerns scenarios.
type hubIndex struct {
	Scenarios map[string]struct {
		Versions map[string]struct {
			Digest string `json:"digest"`
		} `json:"versions"`
	} `json:"scenarios"`
}

// tainted is the version that CrowdSec gives to a file of the hub that somebody
// has changed.
const tainted = "?"

// hubIndexes finds the indexes, which stand in a folder above the files, and
// reads each once.
type hubIndexes map[string]*hubIndex

// maxHubDepth is how far above a file its index may be: hub/scenarios/author.
const maxHubDepth = 4

// of returns the index that file belongs to, or nil. An index that cannot be read
// is none: scenarios then have no version, which harms nobody.
func (x hubIndexes) of(file string) *hubIndex {
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
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
	index := &hubIndex{}
	if json.Unmarshal(content, index) != nil {
		return nil
	}
	x[name] = index
	return index
}

// origin returns the hash and the version that CrowdSec would report for a
// scenario. A scenario that is not in the index is the operator's own and has
// neither.
func (i *hubIndex) origin(scenario, hash string) (string, string) {
	if i == nil {
		return hash, ""
	}
	item, ok := i.Scenarios[scenario]
	if !ok {
		return "", ""
	}
	for version, v := range item.Versions {
		if v.Digest == hash {
			return hash, version
		}
	}
	return hash, tainted
}
