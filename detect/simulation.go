package detect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/tocsin-project/tocsin/internal/files"
	"go.yaml.in/yaml/v3"
)

// A simulation is the content of CrowdSec's simulation.yaml, which cscli simulation writes.
// It lists the scenarios that raise alerts without decisions.
type simulation struct {
	All        bool     `yaml:"simulation"`
	Exclusions []string `yaml:"exclusions"` // scenarios that are an exception to Simulation
}

func (s *simulation) has(scenario string) bool {
	return s != nil && s.All != slices.Contains(s.Exclusions, scenario)
}

// simulate reads the simulation.yaml beside the folder of scenarios that is p or contains p,
// with the changes in simulation.yaml.local. If there is none, nothing is simulated.
func (l *loader) simulate(p string) error {
	folder := filepath.Dir(filepath.Clean(p))
	if info, err := os.Stat(p); err == nil && !info.IsDir() {
		folder = filepath.Dir(folder)
	}
	l.simulation = new(simulation)
	for _, name := range []string{"simulation.yaml", "simulation.yaml.local"} {
		content, err := files.Read(os.DirFS(folder), name, maxFile)
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
