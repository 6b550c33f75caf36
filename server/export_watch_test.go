package server

// Watchers returns the number of open streams.
func (s *Server) Watchers() int { return s.feed.count() }
