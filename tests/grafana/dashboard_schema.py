"""Classic dashboard JSON (schema version 39), as far as ours use it.

Fields as in Grafana's kinds/dashboard (v1 schema) and the panels' own option types.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Uid = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,40}$")]


class DataSource(Strict):
    type: Literal["grafana-clickhouse-datasource"]
    uid: Literal["${datasource}"]


class Target(Strict):
    datasource: DataSource
    editorType: Literal["sql"]
    format: Literal[0, 1, 3]
    pluginVersion: str
    queryType: Literal["timeseries", "table", "traces"]
    rawSql: Annotated[str, Field(min_length=10)]
    refId: Annotated[str, Field(pattern="^[A-Z]$")]

    @model_validator(mode="after")
    def _format_fits(self) -> Target:
        names = {0: "timeseries", 1: "table", 3: "traces"}
        if names[self.format] != self.queryType:
            raise ValueError(f"format {self.format} is {names[self.format]}, not {self.queryType}")
        return self


class GridPos(Strict):
    h: Annotated[int, Field(ge=1)]
    w: Annotated[int, Field(ge=1, le=24)]
    x: Annotated[int, Field(ge=0, le=23)]
    y: Annotated[int, Field(ge=0)]


class Step(Strict):
    color: str
    value: float | int | None


class Thresholds(Strict):
    mode: Literal["absolute"]
    steps: Annotated[list[Step], Field(min_length=1)]

    @model_validator(mode="after")
    def _rise(self) -> Thresholds:
        if self.steps[0].value is not None:
            raise ValueError("the first step has no value: it is the base")
        values = [step.value for step in self.steps[1:]]
        if None in values or values != sorted(v for v in values if v is not None):
            raise ValueError("steps rise")
        return self


class Color(Strict):
    mode: Literal["palette-classic", "thresholds", "fixed"]
    fixedColor: str | None = None


class CellOptions(Strict):
    type: Literal["auto", "color-text", "color-background", "gauge"]
    mode: Literal["basic", "gradient", "lcd"] | None = None
    valueDisplayMode: Literal["color", "text", "hidden"] | None = None
    wrapText: bool | None = None


class Stacking(Strict):
    group: str
    mode: Literal["none", "normal", "percent"]


class ThresholdsStyle(Strict):
    mode: Literal["off", "line", "dashed", "area"]


class Custom(Strict):
    axisSoftMax: float | None = None
    barAlignment: Literal[-1, 0, 1] | None = None
    drawStyle: Literal["line", "bars", "points"] | None = None
    fillOpacity: Annotated[int, Field(ge=0, le=100)] | None = None
    lineInterpolation: Literal["linear", "smooth", "stepBefore", "stepAfter"] | None = None
    lineWidth: Annotated[int, Field(ge=0, le=10)] | None = None
    showPoints: Literal["auto", "never", "always"] | None = None
    spanNulls: bool | int | None = None
    stacking: Stacking | None = None
    thresholdsStyle: ThresholdsStyle | None = None
    align: Literal["auto", "left", "right", "center"] | None = None
    cellOptions: CellOptions | None = None
    filterable: bool | None = None
    inspect: bool | None = None


class Mapped(Strict):
    color: str
    index: int
    text: str


class Mapping(Strict):
    type: Literal["value"]
    options: dict[Annotated[str, Field(pattern=r"^\d+$")], Mapped]


class Word(Strict):
    color: str
    index: int


class Words(Strict):
    type: Literal["value"]
    options: dict[str, Word]


class Defaults(Strict):
    unit: Annotated[str, Field(min_length=1)]
    color: Color | None = None
    custom: Custom | None = None
    decimals: int | None = None
    displayName: str | None = None
    mappings: list[Mapping] | None = None
    min: float | int | None = None
    max: float | int | None = None
    noValue: str | None = None
    thresholds: Thresholds | None = None


class Link(Strict):
    targetBlank: bool
    title: str
    url: str


class Matcher(Strict):
    id: Literal["byName"]
    options: str


class UnitProperty(Strict):
    id: Literal["unit"]
    value: str


class PointsProperty(Strict):
    id: Literal["custom.showPoints"]
    value: Literal["auto", "never", "always"]


class NoValueProperty(Strict):
    id: Literal["noValue"]
    value: str


class ThresholdsProperty(Strict):
    id: Literal["thresholds"]
    value: Thresholds


class WordsProperty(Strict):
    id: Literal["mappings"]
    value: list[Words]


class CellProperty(Strict):
    id: Literal["custom.cellOptions"]
    value: CellOptions


class WidthProperty(Strict):
    id: Literal["custom.width"]
    value: int


class NameProperty(Strict):
    id: Literal["displayName"]
    value: Annotated[str, Field(min_length=1)]


class NumberProperty(Strict):
    id: Literal["decimals", "min", "max", "custom.lineWidth", "custom.fillOpacity"]
    value: float | int


class BandProperty(Strict):
    id: Literal["custom.fillBelowTo"]
    value: str


class HiddenProperty(Strict):
    id: Literal["custom.hidden"]
    value: bool


class LinksProperty(Strict):
    id: Literal["links"]
    value: list[Link]


Property = Annotated[
    UnitProperty
    | NoValueProperty
    | PointsProperty
    | ThresholdsProperty
    | WordsProperty
    | CellProperty
    | WidthProperty
    | NameProperty
    | NumberProperty
    | BandProperty
    | HiddenProperty
    | LinksProperty,
    Field(discriminator="id"),
]


class Override(Strict):
    matcher: Matcher
    properties: list[Property]


class FieldConfig(Strict):
    defaults: Defaults
    overrides: list[Override]


class Legend(Strict):
    calcs: list[str]
    displayMode: Literal["list", "table", "hidden"]
    placement: Literal["bottom", "right"]
    showLegend: bool


class Tooltip(Strict):
    mode: Literal["single", "multi", "none"]
    sort: Literal["none", "asc", "desc"]


class TimeSeriesOptions(Strict):
    legend: Legend
    tooltip: Tooltip


class StateTimelineOptions(Strict):
    alignValue: Literal["left", "center", "right"]
    legend: Legend
    mergeValues: bool
    rowHeight: float
    showValue: Literal["auto", "always", "never"]
    tooltip: Tooltip


class StateFilter(Strict):
    error: bool
    firing: bool
    noData: bool
    normal: bool
    pending: bool


class AlertListOptions(Strict):
    alertInstanceLabelFilter: str
    alertName: str
    dashboardAlerts: bool
    groupBy: list[str]
    groupMode: Literal["default", "custom"]
    maxItems: int
    sortOrder: Annotated[int, Field(ge=1, le=5)]
    stateFilter: StateFilter
    viewMode: Literal["list", "stat"]


class ReduceOptions(Strict):
    calcs: list[Literal["lastNotNull"]]
    fields: str
    values: bool


class StatOptions(Strict):
    colorMode: Literal["value", "background", "none"]
    graphMode: Literal["none", "area"]
    justifyMode: Literal["auto", "center"]
    orientation: Literal["auto", "horizontal", "vertical"]
    reduceOptions: ReduceOptions
    textMode: Literal["auto", "value", "value_and_name", "name", "none"]


class TableOptions(Strict):
    cellHeight: Literal["sm", "md", "lg"]
    showHeader: bool


class BarChartOptions(Strict):
    barWidth: float
    groupWidth: float
    legend: Legend
    orientation: Literal["auto", "horizontal", "vertical"]
    showValue: Literal["auto", "always", "never"]
    stacking: Literal["none", "normal", "percent"]
    tooltip: Tooltip
    xField: str
    xTickLabelMaxLength: int


class TracesOptions(Strict):
    pass


class _Panel(Strict):
    id: Annotated[int, Field(ge=1)]
    title: Annotated[str, Field(min_length=3)]
    gridPos: GridPos


class Row(_Panel):
    type: Literal["row"]
    collapsed: bool
    panels: Annotated[list[Any], Field(max_length=0)]


class _Data(_Panel):
    datasource: DataSource
    description: Annotated[str, Field(min_length=10)]
    fieldConfig: FieldConfig
    targets: Annotated[list[Target], Field(min_length=1)]


class TimeSeriesPanel(_Data):
    type: Literal["timeseries"]
    options: TimeSeriesOptions
    interval: Annotated[str, Field(pattern=r"^\d+[smhd]$")]


class StateTimelinePanel(_Data):
    type: Literal["state-timeline"]
    options: StateTimelineOptions


class AlertListPanel(_Panel):
    type: Literal["alertlist"]
    description: Annotated[str, Field(min_length=10)]
    options: AlertListOptions


class StatPanel(_Data):
    type: Literal["stat"]
    options: StatOptions


class TablePanel(_Data):
    type: Literal["table"]
    options: TableOptions


class BarChartPanel(_Data):
    type: Literal["barchart"]
    options: BarChartOptions


class TracesPanel(_Data):
    type: Literal["traces"]
    options: TracesOptions


Panel = Annotated[
    Row
    | TimeSeriesPanel
    | StateTimelinePanel
    | AlertListPanel
    | StatPanel
    | TablePanel
    | BarChartPanel
    | TracesPanel,
    Field(discriminator="type"),
]


class Current(Strict):
    selected: bool
    text: str | list[str]
    value: str | list[str]


class Option(Strict):
    selected: bool
    text: str
    value: str


class _Variable(Strict):
    name: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    label: Annotated[str, Field(min_length=1)]
    current: Current
    hide: Literal[0, 1, 2]
    skipUrlSync: bool
    options: list[Option]


class DataSourceVariable(_Variable):
    type: Literal["datasource"]
    query: Literal["grafana-clickhouse-datasource"]
    refresh: Literal[1]
    regex: str
    includeAll: bool
    multi: bool


class VariableQuery(Strict):
    editorType: Literal["sql"]
    rawSql: str


class QueryVariable(_Variable):
    type: Literal["query"]
    allValue: None
    datasource: DataSource
    definition: str
    includeAll: bool
    multi: bool
    query: VariableQuery
    refresh: Literal[1, 2]
    regex: str
    sort: int


class TextBoxVariable(_Variable):
    type: Literal["textbox"]
    query: str


class CustomVariable(_Variable):
    type: Literal["custom"]
    allValue: None
    includeAll: bool
    multi: bool
    query: str


Variable = Annotated[
    DataSourceVariable | QueryVariable | TextBoxVariable | CustomVariable,
    Field(discriminator="type"),
]


class Templating(Strict):
    list: list[Variable]


class AnnotationTarget(Strict):
    editorType: Literal["sql"]
    format: Literal[1]
    pluginVersion: str
    queryType: Literal["table"]
    rawSql: str
    refId: str


class Annotation(Strict):
    datasource: DataSource
    enable: bool
    hide: bool
    iconColor: str
    name: str
    target: AnnotationTarget


class Annotations(Strict):
    list: list[Annotation]


class DashboardLink(Strict):
    asDropdown: bool
    icon: str
    includeVars: bool
    keepTime: bool
    tags: list[str]
    targetBlank: bool
    title: str
    tooltip: str
    type: Literal["dashboards"]
    url: str


class TimeRange(Strict):
    from_: Annotated[str, Field(alias="from", pattern=r"^now-\d+[mhd]$")]
    to: Literal["now"]


class TimePicker(Strict):
    pass


class Dashboard(Strict):
    """File provisioning takes no numeric ``id``, no ``__inputs`` and not the v2 schema."""

    uid: Uid
    title: Annotated[str, Field(min_length=3)]
    description: Annotated[str, Field(min_length=10)]
    schemaVersion: Literal[39]
    version: int
    tags: list[str]
    editable: bool
    graphTooltip: Literal[0, 1, 2]
    fiscalYearStartMonth: int
    refresh: str
    timezone: str
    time: TimeRange
    timepicker: TimePicker
    links: list[DashboardLink]
    annotations: Annotations
    templating: Templating
    panels: Annotated[list[Panel], Field(min_length=1)]
