// Command nethttp is a web server with decisions of CrowdSec, at $CROWDSEC_URL with the
// key $CROWDSEC_KEY. It refuses banned clients, challenges suspicious ones, and detects
// attacks itself. $CHALLENGE_SECRET has at least 32 random bytes. Without it the passes
// of solved challenges end with the program.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	l, err := net.Listen("tcp", "localhost:8090")
	if err == nil {
		err = run(ctx, l, zap.Must(zap.NewProduction()))
	}
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, l net.Listener, logger *zap.Logger) error {
	crowdsec, err := lapi.New(lapi.Config{URL: os.Getenv("CROWDSEC_URL"), Key: os.Getenv("CROWDSEC_KEY"), Logger: logger})
	if err != nil {
		return err
	}
	rules, err := detect.Builtin()
	if err != nil {
		return err
	}
	e, err := engine.New(engine.Config{
		Sources: []engine.Source{crowdsec}, Detect: detect.New(detect.Config{Rules: rules}), Logger: logger,
	})
	if err != nil {
		return err
	}
	m, err := protect(e, logger)
	if err != nil {
		return err
	}
	e.Start()
	defer func() { _ = e.Close() }()
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "hello") })
	srv := &http.Server{Handler: m.Handler(hello), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done(): // requests in progress get five seconds
		time.AfterFunc(5*time.Second, func() { _ = srv.Close() })
		return srv.Shutdown(context.Background())
	}
}

// protect returns the middleware in front of the site.
func protect(e *engine.Engine, logger *zap.Logger) (*middleware.Middleware, error) {
	cfg := middleware.Config{Lookup: e.Lookup, Observe: e, Logger: logger}
	if secret := os.Getenv("CHALLENGE_SECRET"); secret != "" {
		keys, err := challenge.NewKeyring([]byte(secret))
		if err != nil {
			return nil, err
		}
		if cfg.Challenge, err = challenge.New(challenge.Config{Keys: keys}); err != nil {
			return nil, err
		}
	}
	return middleware.New(cfg)
}
