package caddymodule

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
)

// identity returns a hash of the JSON of v and of the guests, and of the guests' files.
// Errors name a guest as "lapi 2".
func identity(v any, guests ...caddy.Module) (string, error) {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(v); err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	nth := map[string]int{}
	for _, g := range guests {
		name := g.CaddyModule().ID.Name()
		nth[name]++
		if err := hashGuest(h, g); err != nil {
			return "", fmt.Errorf("%s %d: %w", name, nth[name], err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashGuest adds g and its files to h. Errors name the option of a file.
func hashGuest(h hash.Hash, g caddy.Module) error {
	id := g.CaddyModule().ID
	fmt.Fprintf(h, "%d:%s", len(id), id)
	if err := json.NewEncoder(h).Encode(g); err != nil {
		return fmt.Errorf("hashing: %w", err)
	}
	f, ok := g.(guest.Files)
	if !ok {
		return nil
	}
	for _, file := range f.Files() {
		text, err := option.ReadFile(file.Path, option.MaxSecret)
		if err != nil {
			return fmt.Errorf("%s: %w", file.Option, err)
		}
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return nil
}
