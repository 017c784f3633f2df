"""The parts of one process, put together: the one place that knows every class."""

from api.parts.clocks import clock_tasks, last_instant, last_moved
from api.parts.delivering import delivering_task, make_deliverer
from api.parts.dialing import REPORTS, Dialing, dialing_tasks, make_dialing, open_aside
from api.parts.probing import make_probe, probe_tasks
from api.parts.services import Services, frozen_task, make_services, memory_task, service_tasks
from api.parts.stores import Stores, make_flow, open_stores
from api.parts.tasks import run_until
from api.parts.witnessing import Witnessing, open_witness, witness_tasks

__all__ = [
    "REPORTS",
    "Dialing",
    "Services",
    "Stores",
    "Witnessing",
    "clock_tasks",
    "delivering_task",
    "dialing_tasks",
    "frozen_task",
    "last_instant",
    "last_moved",
    "make_deliverer",
    "make_dialing",
    "make_flow",
    "make_probe",
    "make_services",
    "memory_task",
    "open_aside",
    "open_stores",
    "open_witness",
    "probe_tasks",
    "run_until",
    "service_tasks",
    "witness_tasks",
]
