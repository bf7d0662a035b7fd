package community

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tocsin-project/tocsin/consensus"
)

const (
	maxIndex     = 64 << 20 // bytes of a Hub's index
	maxScenarios = 20_000
	maxVersions  = 1000 // of a scenario
)

// hubScenario is a scenario in the index of CrowdSec's Hub.
type hubScenario struct {
	Versions map[string]struct {
		Digest string `json:"digest"`
	} `json:"versions"`
	Labels map[string]json.RawMessage `json:"labels"`
}

// WithHub returns a catalogue that also has the scenarios of a Hub's index, the file
// .index.json of CrowdSec's Hub.
func (c *Catalogue) WithHub(index io.Reader) (*Catalogue, error) {
	text, err := io.ReadAll(io.LimitReader(index, maxIndex+1))
	if err != nil {
		return nil, fmt.Errorf("reading the Hub's index: %w", err)
	}
	if len(text) > maxIndex {
		return nil, fmt.Errorf("reading the Hub's index: more than %d MiB: want the file .index.json of CrowdSec's Hub", maxIndex>>20)
	}
	var hub struct {
		Scenarios map[string]hubScenario `json:"scenarios"`
	}
	if err := json.Unmarshal(text, &hub); err != nil {
		return nil, fmt.Errorf("reading the Hub's index: %w", err)
	}
	if n := len(hub.Scenarios); n == 0 || n > maxScenarios {
		return nil, fmt.Errorf("reading the Hub's index: %d scenarios: want 1 to %d, in the file .index.json of CrowdSec's Hub", n, maxScenarios)
	}
	d := c.clone()
	for name, s := range hub.Scenarios {
		if err := d.addHub(name, &s); err != nil {
			return nil, fmt.Errorf("reading the Hub's index: scenario %q: %w", name, err)
		}
	}
	return d, nil
}

func (c *Catalogue) addHub(name string, s *hubScenario) error {
	if err := checkScenario(name); err != nil {
		return err
	}
	if len(s.Versions) > maxVersions {
		return fmt.Errorf("%d versions: want %d at most", len(s.Versions), maxVersions)
	}
	label := s.label(name)
	c.add(name, "", label)
	for version, v := range s.Versions {
		if sum, err := hex.DecodeString(v.Digest); err != nil || len(sum) != 32 {
			return fmt.Errorf("digest of version %q: want a SHA-256 in hexadecimal", version)
		}
		c.add(name, v.Digest, label)
	}
	return nil
}

// label returns the Hub's label of a scenario. Older indexes have only a type, or nothing:
// then label uses the name.
func (s *hubScenario) label(name string) Label {
	family := familyOf(name)
	label := Label{consensus.Behaviour(s.text("behavior")), level(s.text("confidence"), family.Confidence), level(s.text("spoofable"), family.Spoofable)}
	if !isBehaviour(string(label.Behaviour)) {
		label.Behaviour = family.Behaviour
	}
	return label
}

// text returns a label, which may be a string, a number or a list of one.
func (s *hubScenario) text(name string) string {
	var value any
	if json.Unmarshal(s.Labels[name], &value) != nil {
		return ""
	}
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return ""
}

func level(text string, otherwise uint8) uint8 {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || n > 3 {
		return otherwise
	}
	return uint8(n)
}

// isBehaviour reports whether a text has the form of a behaviour, such as "http:bruteforce".
func isBehaviour(s string) bool {
	protocol, class, found := strings.Cut(s, ":")
	return found && isWord(protocol) && isWord(class) && len(s) <= 64
}

func isWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
