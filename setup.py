"""What pyproject.toml cannot say: a ``.pth`` file belongs beside the package."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithPth(build_py):
    """Adds the file to the wheel, and to that of an editable installation."""

    def run(self) -> None:
        """Build, and write the file to where the installer finds it."""
        super().run()
        is_editable = getattr(self, "editable_mode", False)
        install = self.get_finalized_command("install")
        target = Path(install.install_lib if is_editable else self.build_lib)
        target.mkdir(parents=True, exist_ok=True)
        (target / "churn_pipeline_dvc.pth").write_text("import churn_pipeline_dvc\n")


setup(cmdclass={"build_py": BuildWithPth})
