"""Cuts of a model: any graph of kernels over places in a row or in a tree, and chains with all that goes with them."""

from .alternatives import Alternative, alternatives, round_trip_s
from .arcs import network
from .baselines import best_static, random_cut, single
from .bill import bill
from .breakpoints import Breakpoints, Hysteresis, Piece, breakpoints
from .chain import Chain, Wire
from .columns import COLUMNS, column
from .costs import Costs
from .dads import dads
from .explain import Explained, explain, regret_bound
from .file import PlanFile, profile_digest
from .graph import Graph
from .items import Bill, Figures
from .min_cut import Certificate, Placed, min_cut
from .neurosurgeon import LayerTimes, neurosurgeon
from .nodes import Nodes
from .offload import offload
from .order import order_arcs
from .pareto import pareto
from .places import Places, paths
from .planned_way import PlannedWay
from .reach import reach
from .rows import Rows
from .segments import Segments
from .split import Limits, Split, split
from .table import Table
from .throughput import Bottleneck, bottleneck
from .total import total

__all__ = [
    "COLUMNS",
    "Alternative",
    "Bill",
    "Bottleneck",
    "Breakpoints",
    "Certificate",
    "Chain",
    "Costs",
    "Explained",
    "Figures",
    "Graph",
    "Hysteresis",
    "LayerTimes",
    "Limits",
    "Nodes",
    "Piece",
    "Placed",
    "Places",
    "PlanFile",
    "PlannedWay",
    "Rows",
    "Segments",
    "Split",
    "Table",
    "Wire",
    "alternatives",
    "best_static",
    "bill",
    "bottleneck",
    "breakpoints",
    "column",
    "dads",
    "explain",
    "min_cut",
    "network",
    "neurosurgeon",
    "offload",
    "order_arcs",
    "pareto",
    "paths",
    "profile_digest",
    "random_cut",
    "reach",
    "regret_bound",
    "round_trip_s",
    "single",
    "split",
    "total",
]
