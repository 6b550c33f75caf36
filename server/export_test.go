package server

import (
	"crypto/sha256"
	"encoding/hex"

	"google.golang.org/protobuf/proto"
)

// Freeze keeps the present state and returns what hashes all of its documents.
func (s *Server) Freeze() func() (string, error) {
	state, _ := s.db.View()
	return func() (string, error) {
		var all []proto.Message
		for namespace := range state.Namespaces().All() {
			all = append(all, namespace)
			for flag := range state.Flags(namespace.Namespace.Key).All() {
				all = append(all, flag)
			}
			for segment := range state.Segments(namespace.Namespace.Key).All() {
				all = append(all, segment)
			}
		}
		hash := sha256.New()
		for _, document := range all {
			body, err := proto.MarshalOptions{Deterministic: true}.Marshal(document)
			if err != nil {
				return "", err
			}
			hash.Write(body)
		}
		return hex.EncodeToString(hash.Sum(nil)), nil
	}
}
