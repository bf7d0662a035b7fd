package detect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// A simulation is what CrowdSec's simulation.yaml says, which cscli simulation
// writes: which scenarios tell of clients and decide nothing.
type simulation struct {
	All        bool     `yaml:"simulation"`
	Exclusions []string `yaml:"exclusions"` // for which it is the other way round
}

func (s *simulation) has(scenario string) bool {
	return s != nil && s.All != slices.Contains(s.Exclusions, scenario)
}

// simulate reads the simulation.yaml that stands beside the folder of scenarios
// that p is, or is in, and what simulation.yaml.local changes of it. None
// simulates nothing.
func (l *loader) simulate(p string) error {
	folder := filepath.Dir(filepath.Clean(p))
	if info, err := os.Stat(p); err == nil && !info.IsDir() {
		folder = filepath.Dir(folder)
	}
	l.simulation = new(simulation)
	for _, name := range []string{"simulation.yaml", "simulation.yaml.local"} {
		content, err := readFile(os.DirFS(folder), name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		at := filepath.Join(folder, name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", at, err)
		}
		var doc yaml.Node
		if err = yaml.Unmarshal(content, &doc); err == nil && len(doc.Content) > 0 {
			err = l.decodeSimulation(at, doc.Content[0])
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", at, err)
		}
	}
	return nil
}

func (l *loader) decodeSimulation(at string, n *yaml.Node) error {
	if key := findUnknown(n, reflect.TypeFor[simulation]()); key != nil {
		l.skip(Skipped{File: fmt.Sprintf("%s:%d", at, key.Line), Reason: unknownThing("it has the key %s", key.Value).Error()})
	}
	return n.Decode(l.simulation)
}
