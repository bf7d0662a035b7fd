package guest

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/challenge"
)

// Challenges is the namespace of providers of challenges.
const Challenges = "tocsin.challenges"

// A Provider is a module in the namespace tocsin.challenges: it tells people from programs.
//
// In a Caddyfile it shares a block with the options of all challenges. So its
// UnmarshalCaddyfile is given its line alone, and its options in the block are its fields,
// as package option reads them.
type Provider interface {
	// Resolve fills in defaults, replaces placeholders, reads secrets and checks what the
	// operator has written.
	Resolve(repl *caddy.Replacer) error
	// Open makes the provider, once it is resolved. Nil stands for the embedded proof of
	// work.
	Open() (challenge.Provider, error)
}
