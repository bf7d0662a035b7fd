// Package search answers which of many literals and regular expressions are in a text,
// at a bounded cost a byte, whatever the text is made of. Scenarios and rules hold each
// request against hundreds of them, and clients may send what they like.
package search
