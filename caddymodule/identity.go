package caddymodule

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
)

// identity returns what tells v and the guests from any others: a hash over what they are
// in JSON, and over the files that guests name.
func identity(v any, guests ...caddy.Module) (string, error) {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(v); err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	for _, g := range guests {
		id := g.CaddyModule().ID
		fmt.Fprintf(h, "%d:%s", len(id), id)
		if err := json.NewEncoder(h).Encode(g); err != nil {
			return "", fmt.Errorf("hashing %s: %w", id, err)
		}
		f, ok := g.(guest.Files)
		if !ok {
			continue
		}
		for _, name := range f.Files() {
			text, err := option.ReadFile(name, option.MaxSecret)
			if err != nil {
				return "", fmt.Errorf("tls: %w", err)
			}
			fmt.Fprintf(h, "%d:%s", len(text), text)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
