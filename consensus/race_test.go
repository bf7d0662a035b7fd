//go:build race

package consensus_test

const raced = true
