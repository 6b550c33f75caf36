package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/types/known/emptypb"
)

// object is a JSON object.
type object = map[string]any

// metadataService serves flipt.meta.MetadataService. Settings hold no secret, so the configuration shows none.
type metadataService struct {
	settings Settings
}

// GetInfo implements flipt.meta.MetadataService.
func (m *metadataService) GetInfo(context.Context, *emptypb.Empty) (*httpbody.HttpBody, error) {
	return jsonBody(struct {
		Version         string `json:"version"`
		GoVersion       string `json:"goVersion"`
		UpdateAvailable bool   `json:"updateAvailable"`
		IsRelease       bool   `json:"isRelease"`
		OS              string `json:"os"`
		Arch            string `json:"arch"`
		Authentication  object `json:"authentication"`
		Storage         object `json:"storage"`
		Analytics       object `json:"analytics"`
		UI              object `json:"ui"`
	}{
		Version: m.settings.Version, GoVersion: runtime.Version(), IsRelease: isRelease(m.settings.Version),
		OS: runtime.GOOS, Arch: runtime.GOARCH, Authentication: object{"required": false},
		Storage: m.storage(), Analytics: object{}, UI: object{"theme": "system"},
	})
}

// storage is the member of this name in both answers; readOnly is there only when it is true.
func (m *metadataService) storage() object {
	if m.settings.ReadOnly {
		return object{"type": "database", "readOnly": true}
	}
	return object{"type": "database"}
}

// isRelease says whether the version is a tag such as v1.2.3.
func isRelease(version string) bool {
	return strings.HasPrefix(version, "v") && !strings.Contains(version, "-")
}

// GetConfiguration implements flipt.meta.MetadataService, with the members that clients of the original know.
func (m *metadataService) GetConfiguration(context.Context, *emptypb.Empty) (*httpbody.HttpBody, error) {
	s := m.settings
	host, httpPort := splitAddress(s.HTTPAddr)
	_, grpcPort := splitAddress(s.GRPCAddr)
	protocol := "http"
	if s.TLS {
		protocol = "https"
	}
	origins := s.CORSOrigins
	if origins == nil {
		origins = []string{}
	}
	method := object{"Method": object{}, "enabled": false}
	return jsonBody(object{
		"log": object{"level": strings.ToUpper(s.LogLevel), "encoding": s.LogFormat},
		"ui":  object{"enabled": true, "defaultTheme": "system", "topbar": object{}},
		"authentication": object{"required": false, "methods": object{
			"token": method, "github": method, "oidc": method, "kubernetes": method, "jwt": method,
		}},
		"audit":   object{"sinks": object{}},
		"cache":   object{"enabled": false},
		"cors":    object{"enabled": len(origins) > 0, "allowedOrigins": origins},
		"server":  object{"protocol": protocol, "host": host, "httpPort": httpPort, "grpcPort": grpcPort},
		"storage": m.storage(),
		"db":      object{"protocol": "sqlite", "maxOpenConn": 1},
		"tracing": object{"enabled": false},
	})
}

func jsonBody(value any) (*httpbody.HttpBody, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return &httpbody.HttpBody{ContentType: "application/json", Data: text}, nil
}

// splitAddress returns host and port of an address that was listened on.
func splitAddress(address string) (string, int) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address, 0
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return host, 0
	}
	return host, number
}
