package guest

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/challenge"
)

// Challenges is the namespace of providers of challenges.
const Challenges = "tocsin.challenges"

// A Provider is a module in the namespace tocsin.challenges: it distinguishes people
// from programs.
//
// In a Caddyfile it shares a block with the options of all challenges. So its
// UnmarshalCaddyfile gets only its line, and package option reads its fields from the
// block.
type Provider interface {
	// Resolve fills in defaults, replaces placeholders, reads secrets and checks the
	// options.
	Resolve(repl *caddy.Replacer) error
	// Open creates the provider after Resolve. Nil means the embedded proof of work.
	Open() (challenge.Provider, error)
}
