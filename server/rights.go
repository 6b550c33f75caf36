package server

import (
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt/analytics/analyticsconnect"
	"github.com/burgeehq/burgee/gen/flipt/auth/authconnect"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
	"github.com/burgeehq/burgee/gen/flipt/meta/metaconnect"
	"github.com/burgeehq/burgee/gen/flipt/ofrep/ofrepconnect"
)

// right is what a caller must be allowed to do. While there is no authentication everybody may do everything; a procedure
// without a right is refused all the same.
type right uint8

const (
	public   right = iota + 1 // open to callers without credentials
	evaluate                  // ask for evaluations and snapshots
	read                      // see the configuration
	write                     // change it
	admin                     // take all of it, with its history
)

// rights says what each procedure asks of its caller. A procedure that is not here is refused.
var rights = map[string]right{
	fliptconnect.FliptEvaluateProcedure:                                       evaluate,
	fliptconnect.FliptBatchEvaluateProcedure:                                  evaluate,
	evaluationconnect.EvaluationServiceBooleanProcedure:                       evaluate,
	evaluationconnect.EvaluationServiceVariantProcedure:                       evaluate,
	evaluationconnect.EvaluationServiceBatchProcedure:                         evaluate,
	evaluationconnect.DataServiceEvaluationSnapshotNamespaceProcedure:         evaluate,
	ofrepconnect.OFREPServiceGetProviderConfigurationProcedure:                evaluate,
	ofrepconnect.OFREPServiceEvaluateFlagProcedure:                            evaluate,
	ofrepconnect.OFREPServiceEvaluateBulkProcedure:                            evaluate,
	authconnect.PublicAuthenticationServiceListAuthenticationMethodsProcedure: public,

	fliptconnect.FliptGetNamespaceProcedure:   read,
	fliptconnect.FliptListNamespacesProcedure: read,
	fliptconnect.FliptGetFlagProcedure:        read,
	fliptconnect.FliptListFlagsProcedure:      read,
	fliptconnect.FliptGetRuleProcedure:        read,
	fliptconnect.FliptListRulesProcedure:      read,
	fliptconnect.FliptGetRolloutProcedure:     read,
	fliptconnect.FliptListRolloutsProcedure:   read,
	fliptconnect.FliptGetSegmentProcedure:     read,
	fliptconnect.FliptListSegmentsProcedure:   read,

	fliptconnect.FliptCreateNamespaceProcedure:    write,
	fliptconnect.FliptUpdateNamespaceProcedure:    write,
	fliptconnect.FliptDeleteNamespaceProcedure:    write,
	fliptconnect.FliptCreateFlagProcedure:         write,
	fliptconnect.FliptUpdateFlagProcedure:         write,
	fliptconnect.FliptDeleteFlagProcedure:         write,
	fliptconnect.FliptCreateVariantProcedure:      write,
	fliptconnect.FliptUpdateVariantProcedure:      write,
	fliptconnect.FliptDeleteVariantProcedure:      write,
	fliptconnect.FliptCreateRuleProcedure:         write,
	fliptconnect.FliptUpdateRuleProcedure:         write,
	fliptconnect.FliptOrderRulesProcedure:         write,
	fliptconnect.FliptDeleteRuleProcedure:         write,
	fliptconnect.FliptCreateRolloutProcedure:      write,
	fliptconnect.FliptUpdateRolloutProcedure:      write,
	fliptconnect.FliptOrderRolloutsProcedure:      write,
	fliptconnect.FliptDeleteRolloutProcedure:      write,
	fliptconnect.FliptCreateDistributionProcedure: write,
	fliptconnect.FliptUpdateDistributionProcedure: write,
	fliptconnect.FliptDeleteDistributionProcedure: write,
	fliptconnect.FliptCreateSegmentProcedure:      write,
	fliptconnect.FliptUpdateSegmentProcedure:      write,
	fliptconnect.FliptDeleteSegmentProcedure:      write,
	fliptconnect.FliptCreateConstraintProcedure:   write,
	fliptconnect.FliptUpdateConstraintProcedure:   write,
	fliptconnect.FliptDeleteConstraintProcedure:   write,

	authconnect.AuthenticationServiceGetAuthenticationSelfProcedure:    public,
	authconnect.AuthenticationServiceExpireAuthenticationSelfProcedure: public,
	authconnect.AuthenticationServiceGetAuthenticationProcedure:        read,
	authconnect.AuthenticationServiceListAuthenticationsProcedure:      read,
	authconnect.AuthenticationServiceDeleteAuthenticationProcedure:     write,
	metaconnect.MetadataServiceGetConfigurationProcedure:               read,
	metaconnect.MetadataServiceGetInfoProcedure:                        read,
	analyticsconnect.AnalyticsServiceGetFlagEvaluationsCountProcedure:  read,

	burgeev1connect.FeaturesServiceImportProcedure:       write,
	burgeev1connect.FeaturesServiceExportProcedure:       read,
	burgeev1connect.HistoryServiceListRevisionsProcedure: read,
	burgeev1connect.HistoryServiceGetRevisionProcedure:   read,
	burgeev1connect.HistoryServiceCompareProcedure:       read,
	burgeev1connect.HistoryServiceRevertProcedure:        write,

	burgeev1connect.WatchServiceWatchProcedure: read,

	burgeev1connect.CountServiceGetCountsProcedure:        read,
	burgeev1connect.CountServiceListMissingFlagsProcedure: read,
	burgeev1connect.CountServiceListStaleFlagsProcedure:   read,

	burgeev1connect.BackupServiceBackupProcedure: admin,

	burgeev1connect.DocumentServiceGetFlagDocumentProcedure:          read,
	burgeev1connect.DocumentServiceGetSegmentDocumentProcedure:       read,
	burgeev1connect.DocumentServiceGetNamespaceDocumentProcedure:     read,
	burgeev1connect.DocumentServiceListFlagSummariesProcedure:        read,
	burgeev1connect.DocumentServiceReplaceFlagDocumentProcedure:      write,
	burgeev1connect.DocumentServiceReplaceSegmentDocumentProcedure:   write,
	burgeev1connect.DocumentServiceReplaceNamespaceDocumentProcedure: write,
	burgeev1connect.DocumentServiceEditProcedure:                     write,
	burgeev1connect.DocumentServiceArchiveFlagProcedure:              write,
	burgeev1connect.DocumentServiceUnarchiveFlagProcedure:            write,

	burgeev1connect.ExplainServiceExplainProcedure:         read,
	burgeev1connect.ExplainServicePreviewSegmentProcedure:  read,
	burgeev1connect.ExplainServiceImpactProcedure:          read,
	burgeev1connect.ExplainServiceListSegmentUsesProcedure: read,
}
