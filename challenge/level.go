package challenge

import "fmt"

// A Level is how hard a challenge is. Each level is four times as hard as the one
// below: on average a browser computes 250 thousand, 1 million and 4 million hashes.
type Level uint8

// The levels.
const (
	Low Level = iota + 1
	Medium
	High
)

// ParseLevel returns the level with a name: low, medium or high.
func ParseLevel(name string) (Level, error) {
	switch name {
	case "low":
		return Low, nil
	case "medium":
		return Medium, nil
	case "high":
		return High, nil
	}
	return 0, fmt.Errorf("level %.64q: want low, medium or high", name)
}
