{{- define "sightglass.name" -}}
{{- if contains "sightglass" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-sightglass{{ end }}
{{- end }}

{{- define "sightglass.selector" -}}
app.kubernetes.io/name: sightglass
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sightglass.labels" -}}
{{ include "sightglass.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "sightglass.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
