package guest

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/middleware"
	"github.com/tocsin-project/tocsin/waf"
	"go.uber.org/zap"
)

// Inspectors is the namespace of inspectors.
const Inspectors = "tocsin.inspectors"

// An Inspector is a module in the namespace tocsin.inspectors: it judges requests by what
// they say.
type Inspector interface {
	// Resolve fills in defaults, replaces placeholders, reads secrets and checks what the
	// operator has written. Sources are all of the config.
	Resolve(repl *caddy.Replacer, sources []Opened) error
	// Open makes the inspector, once it is resolved. What it logs goes to the config that
	// runs.
	Open(l *zap.Logger) (middleware.Inspector, error)
}

// A Starter is an inspector that does something as long as a config runs.
type Starter interface {
	// Start begins it, and logs to l, until stop is called, which waits for its end.
	Start(l *zap.Logger) (stop func())
}

// An Owner is an inspector with paths of its own, which the site never sees.
type Owner interface {
	// Owns reports whether a request with this target is for the inspector. Such
	// requests of allowed clients are inspected, too, and none of them passes.
	Owns(target string) bool
}

// Excepting is a module that knows for which requests rules of its inspector do not count.
// It is asked itself, since matchers belong to a config and what it has opened may outlive
// that.
type Excepting interface {
	// Excepts reports whether a rule that matches r does not count.
	Excepts(r *http.Request, rule string) bool
}

// Ruled is an inspector that has rules in this process, for the status.
type Ruled interface {
	// Rules returns what runs.
	Rules() *waf.Rules
	// Stats returns what has been counted.
	Stats() waf.Stats
}

// Counted is an inspector whose inspections are in the status.
type Counted interface {
	// Target is whom it asks, such as a URL.
	Target() string
	// Stats returns what has been counted.
	Stats() appsec.Stats
}
