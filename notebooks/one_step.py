"""The smallest durable program: a Workflow that has one Activity done."""

from datetime import timedelta

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from classroom.shop import find_order


@activity.defn
async def look_up(order_id: int) -> str:
    """Look an order up; this runs on a worker, once if all goes well."""
    return await find_order.call({"order_id": order_id})


@workflow.defn
class AboutAnOrder:
    """Decides what to look up; this is run again at each replay."""

    @workflow.run
    async def run(self, order_id: int) -> str:
        """Have an order looked up, in at most a minute for each attempt."""
        return await workflow.execute_activity(
            look_up, order_id, start_to_close_timeout=timedelta(minutes=1)
        )
